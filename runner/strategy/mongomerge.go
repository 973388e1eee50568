package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// dumpSeveral makes one archive of several databases: mongodump takes one name or none. What they have is asked
// first, as an archive begins with that; then each database is dumped, and its documents pass as they come.
func (s mongoSession) dumpSeveral(ctx context.Context, names []string, w io.Writer) (Report, error) {
	report := Report{Warnings: []string{mongoNotOneMoment(mongoNamed)}}
	m := &mongoMerge{w: w, announced: map[string]bool{}}
	for _, name := range names {
		if err := m.list(ctx, s, name); err != nil {
			return report, err
		}
	}
	report.EngineVersion = m.version
	if err := m.begin(); err != nil {
		return report, err
	}
	for _, name := range names {
		if err := s.run(ctx, mongoDumpScript, nil, scanWriter{m.part()}, nil, mongoDatabaseArgs(name)...); err != nil {
			return report, fmt.Errorf("dump database %q: %w", name, err)
		}
		if err := m.scan.end(); err != nil {
			return report, fmt.Errorf("dump database %q: %w", name, err)
		}
	}
	for _, name := range m.left {
		report.Warnings = append(report.Warnings, fmt.Sprintf("the collection %s came when the dump had begun and is not in it", name))
	}
	return report, m.end()
}

// mongoMerge writes one archive out of several.
type mongoMerge struct {
	w         io.Writer
	version   string
	prelude   [][]byte
	spaces    []mongoNamespace
	announced map[string]bool // whether it came to its end
	left      []string        // collections that came too late
	skip      bool            // the current block is of one of them
	scan      *mongoScan
	size      int
}

// list takes over what one database has.
func (m *mongoMerge) list(ctx context.Context, s mongoSession, name string) error {
	list, err := s.list(ctx, name)
	if err != nil {
		return err
	}
	if !list.has(name) {
		return mongoNoDatabase(name)
	}
	if m.size += list.size; m.size > maxMongoNames {
		return errors.New("the databases have more collections than can be listed: give some of them a job of their own")
	}
	m.version = list.version
	for _, space := range list.spaces {
		m.announced[space.String()] = false
	}
	m.spaces, m.prelude = append(m.spaces, list.spaces...), append(m.prelude, list.raw...)
	return nil
}

func (m *mongoMerge) begin() error {
	out := mongoHead(m.version)
	for _, raw := range m.prelude {
		out = append(out, raw...)
	}
	m.prelude = nil
	_, err := m.w.Write(append(out, mongoEnd()...))
	return err
}

// part follows one database's archive and passes its blocks on.
func (m *mongoMerge) part() *mongoScan {
	m.scan = newMongoScan(mongoSink{
		block: func(b mongoBlock, raw []byte) error {
			name := mongoLogical(b.space)
			ended, known := m.announced[name]
			if m.skip = !known; m.skip {
				if b.end {
					m.left = append(m.left, name)
				}
				return nil
			}
			if ended {
				return fmt.Errorf("it has documents of %s after their end", b.space)
			}
			m.announced[name] = b.end
			return m.write(raw)
		},
		body:   m.write,
		finish: func(int64) error { return m.write(mongoEnd()) },
	})
	return m.scan
}

func (m *mongoMerge) write(piece []byte) error {
	if m.skip {
		return nil
	}
	_, err := m.w.Write(piece)
	return err
}

// end closes collections that went away after they were listed: they are empty then.
func (m *mongoMerge) end() error {
	m.skip = false
	for _, space := range m.spaces {
		if m.announced[space.String()] {
			continue
		}
		name := space.String()
		if space.kind == "timeseries" {
			name = space.db + "." + mongoBuckets + space.name
		}
		mark := mongoBlockHeader(name, true, 0)
		if err := m.write(append(mark, mongoEnd()...)); err != nil {
			return err
		}
	}
	return nil
}
