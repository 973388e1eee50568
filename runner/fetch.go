package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
)

// OpenBackup reads one backup as its raw stream. It withholds io.EOF, with an error in its place, until the size,
// the stored hash and the proof agree with the manifest. Close it in every case.
func OpenBackup(ctx context.Context, t *target.Target, m target.Manifest, registry []strategy.Entry, workers int) (io.ReadCloser, error) {
	return openBackup(ctx, t, m, registry, workers, transform.NewMeter(transform.NewXXH64()))
}

func openBackup(ctx context.Context, t *target.Target, m target.Manifest, registry []strategy.Entry, workers int, raw *transform.Meter) (io.ReadCloser, error) {
	entry, ok := findEntry(registry, m.Strategy)
	if !ok || !entry.Available {
		return nil, fmt.Errorf("%s was made by strategy %q, which this version does not have", m.Key, m.Strategy)
	}
	algorithm, err := algorithmOf(m)
	if err != nil {
		return nil, err
	}
	in, object, err := t.Open(ctx, m.Key)
	if err != nil {
		return nil, err
	}
	if object.Bytes >= 0 && object.Bytes != m.Stored.Bytes {
		return nil, errors.Join(fmt.Errorf("%s on %s has %d bytes, its manifest says %d: it is damaged; choose another backup or another target",
			m.Key, t.Name(), object.Bytes, m.Stored.Bytes), in.Close())
	}
	v := &verified{manifest: m, in: in, stored: transform.NewMeter(transform.NewSHA256()), raw: raw, prover: entry.NewProver(m.Raw.Extension)}
	v.teed = io.TeeReader(in, v.stored)
	if v.plain, err = transform.NewReader(v.teed, algorithm, workers); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return v, nil
}

// algorithmOf is the one compression stage that this version knows how to undo.
func algorithmOf(m target.Manifest) (string, error) {
	switch {
	case len(m.Stages) == 0:
		return transform.None, nil
	case len(m.Stages) == 1 && (m.Stages[0] == transform.Zstd || m.Stages[0] == transform.Gzip):
		return m.Stages[0], nil
	}
	return "", fmt.Errorf("%s went through the stages %s, which this version cannot undo", m.Key, strings.Join(m.Stages, ", "))
}

// verified is the raw stream of a backup, checked while it is read.
type verified struct {
	manifest    target.Manifest
	in          io.ReadCloser // stored bytes
	teed        io.Reader     // the same, through the hash
	plain       io.ReadCloser // raw bytes
	stored, raw *transform.Meter
	prover      strategy.Prover
	proof       strategy.Proof
	end         error // nil until the stream has ended
}

func (v *verified) Read(p []byte) (int, error) {
	if v.end != nil {
		return 0, v.end
	}
	n, err := v.plain.Read(p)
	_, _ = v.raw.Write(p[:n])
	_, _ = v.prover.Write(p[:n])
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		v.end = fmt.Errorf("read %s: %w", v.manifest.Key, err)
	} else if v.end = v.check(); v.end == nil {
		v.end = io.EOF
	}
	return n, v.end
}

// check compares what was read with what the manifest says.
func (v *verified) check() error {
	if _, err := io.Copy(io.Discard, v.teed); err != nil { // what a decompressor left unread counts for the hash
		return fmt.Errorf("read %s: %w", v.manifest.Key, err)
	}
	m := v.manifest
	switch {
	case v.stored.Bytes() != m.Stored.Bytes:
		return fmt.Errorf("%s is damaged: %d bytes were read, %d were stored", m.Key, v.stored.Bytes(), m.Stored.Bytes)
	case v.stored.Sum() != m.Stored.SHA256:
		return fmt.Errorf("%s is damaged: its sha256 is %s, not %s", m.Key, short(v.stored.Sum()), short(m.Stored.SHA256))
	case v.raw.Bytes() != m.Raw.Bytes || v.raw.Sum() != m.Raw.XXH64:
		return fmt.Errorf("%s does not decompress to what was dumped", m.Key)
	}
	proof, err := v.prover.Proof()
	if err != nil {
		return fmt.Errorf("%s is not whole: %w", m.Key, err)
	}
	v.proof = proof
	var was strategy.Proof
	if len(m.Proof) > 0 {
		if err := json.Unmarshal(m.Proof, &was); err != nil {
			return fmt.Errorf("read the proof in the manifest of %s: %w", m.Key, err)
		}
		if diffs := differences(was, proof); len(diffs) > 0 {
			return fmt.Errorf("%s does not hold what its manifest says: %s", m.Key, strings.Join(diffs, "; "))
		}
	}
	return nil
}

func (v *verified) Close() error { return errors.Join(v.plain.Close(), v.in.Close()) }

// differences compares two proofs in what both of them counted.
func differences(want, got strategy.Proof) []string {
	var out []string
	compare := func(what string, want, got int64) {
		if want != got {
			out = append(out, fmt.Sprintf("%s: %d instead of %d", what, got, want))
		}
	}
	if !want.Counted || got.Counted { // else it is a stream's proof, which has no tables to count
		compare("tables", want.Tables, got.Tables)
		compare("rows", want.Rows, got.Rows)
	}
	compare("entries", want.Entries, got.Entries)
	compare("bytes", want.Bytes, got.Bytes)
	for name, n := range want.Detail {
		if have, ok := got.Detail[name]; ok {
			compare(name, n, have)
		}
	}
	if want.Digest != "" && got.Digest != "" && want.Digest != got.Digest {
		out = append(out, "the content's digest differs")
	}
	return out
}
