package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// redisReader turns an RDB file into commands that put its keys back, one RESTORE for each: what the server would
// write for DUMP is the value as it stands in the file, the file's version and a checksum. Its end is clean only when
// the source's was and the file is whole. The largest single value is held in memory.
type redisReader struct {
	r    io.Reader
	scan *rdbScan
	in   []byte
	out  bytes.Buffer
	end  bool

	place   func(n uint64) (target uint64, fresh bool, err error) // where a database goes, and whether it is the first time
	library func(code []byte) error
	marker  string // a key that is left in each database that is filled; empty: none
	closing func() // writes what comes last, once the file has come to its proper end; nil: nothing

	key       rdbKey
	name      []byte
	payload   []byte
	keys      map[string]int64
	current   string
	libraries int64
	expiries  map[string]map[int64]int64 // per database and second, of those that are near
}

// nearExpiry is how far ahead expiries are remembered one by one, for the count after the restore.
const nearExpiry = 48 * time.Hour

func newRedisReader(r io.Reader) *redisReader {
	d := &redisReader{
		r: r, in: make([]byte, 256<<10), keys: map[string]int64{}, expiries: map[string]map[int64]int64{},
	}
	d.scan = newRDBScan(rdbSink{
		library:  func(code []byte) error { d.libraries++; return d.library(code) },
		database: d.database,
		begin:    d.begin,
		value:    func(piece []byte) error { d.payload = append(d.payload, piece...); return nil },
		end:      d.finish,
	})
	return d
}

// version reads as far as the file's first line and says which version it has.
func (d *redisReader) version() (int, error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(d.r, head); err != nil {
		return 0, fmt.Errorf("read dump: %w", err)
	}
	if err := d.scan.write(head); err != nil {
		return 0, fmt.Errorf("read dump: %w", err)
	}
	return d.scan.version, nil
}

// Read implements io.Reader.
func (d *redisReader) Read(p []byte) (int, error) {
	for d.out.Len() == 0 && !d.end {
		n, err := d.r.Read(d.in)
		if werr := d.scan.write(d.in[:n]); werr != nil {
			return 0, fmt.Errorf("read dump: %w", werr)
		}
		if err == io.EOF {
			if err := d.scan.finish(); err != nil {
				return 0, fmt.Errorf("read dump: %w", err)
			}
			d.end = true
			if d.closing != nil {
				d.closing()
			}
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read dump: %w", err)
		}
	}
	if d.out.Len() == 0 {
		return 0, io.EOF
	}
	return d.out.Read(p)
}

func (d *redisReader) database(n uint64) error {
	target, fresh, err := d.place(n)
	if err != nil {
		return err
	}
	d.current = redisDatabase(n)
	redisCommand(&d.out, "SELECT", strconv.FormatUint(target, 10))
	if fresh && d.marker != "" {
		redisCommand(&d.out, "SET", d.marker, "")
	}
	return nil
}

func (d *redisReader) begin(key rdbKey, name []byte) error {
	if d.current == "" {
		return errors.New("it has a key outside of a database")
	}
	d.key, d.name, d.payload = key, bytes.Clone(name), append(d.payload[:0], key.kind)
	d.keys[d.current]++
	if key.expiry > 0 && key.expiry < time.Now().Add(nearExpiry).UnixMilli() {
		seconds := d.expiries[d.current]
		if seconds == nil {
			seconds = map[int64]int64{}
			d.expiries[d.current] = seconds
		}
		seconds[max(key.expiry/1000, time.Now().Unix()-1)]++
	}
	return nil
}

func (d *redisReader) finish() error {
	d.payload = redisPayload(d.payload, d.scan.version)
	args := []string{"RESTORE", string(d.name), strconv.FormatInt(d.key.expiry, 10), "", "REPLACE", "ABSTTL"}
	if d.key.idle >= 0 {
		args = append(args, "IDLETIME", strconv.FormatInt(d.key.idle, 10))
	} else if d.key.freq >= 0 {
		args = append(args, "FREQ", strconv.Itoa(d.key.freq))
	}
	redisHead(&d.out, len(args))
	for i, arg := range args {
		if i == 3 {
			redisArg(&d.out, d.payload)
			continue
		}
		redisArg(&d.out, arg)
	}
	if cap(d.payload) > 1<<20 {
		d.payload = nil // one large value is not held for all that follow
	}
	return nil
}

// expired is how many keys of a database were due to go until now.
func (d *redisReader) expired(database string, now time.Time) (n int64) {
	for second, keys := range d.expiries[database] {
		if second <= now.Unix() {
			n += keys
		}
	}
	return n
}

// redisPayload closes a value, its type first, as RESTORE wants it.
func redisPayload(value []byte, version int) []byte {
	value = binary.LittleEndian.AppendUint16(value, uint16(min(version, math.MaxUint16)))
	return binary.LittleEndian.AppendUint64(value, rdbChecksum(0, value))
}

// redisCommand writes a command as clients send it.
func redisCommand(out *bytes.Buffer, args ...string) {
	redisHead(out, len(args))
	for _, arg := range args {
		redisArg(out, arg)
	}
}

func redisHead(out *bytes.Buffer, args int) { fmt.Fprintf(out, "*%d\r\n", args) }

func redisArg[T string | []byte](out *bytes.Buffer, arg T) {
	fmt.Fprintf(out, "$%d\r\n", len(arg))
	out.Write([]byte(arg))
	out.WriteString("\r\n")
}
