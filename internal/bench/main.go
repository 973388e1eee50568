package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 3 && args[0] == "prove" {
		return prove(args[1], args[2], out)
	}
	if len(args) != 2 {
		return errors.New("want mixed DIR, small DIR, sql MIB or prove STRATEGY DUMP")
	}
	switch args[0] {
	case "mixed":
		return inNewFolder(args[1], mixed)
	case "small":
		return inNewFolder(args[1], small)
	case "sql":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return fmt.Errorf("read the number of MiB: %w", err)
		}
		return rows(out, int64(n)*mib)
	}
	return fmt.Errorf("there is no data set %q; there are mixed, small and sql", args[0])
}

// inNewFolder makes the folder and gives everything in it the same time in the end.
func inNewFolder(dir string, fill func(string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("%s exists; data is only ever made anew", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := fill(dir); err != nil {
		return err
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
}

// mixed has many small files, some middling ones and one big one of each kind, as real volumes do.
func mixed(dir string) error {
	for _, kind := range []struct {
		name string
		data io.Reader
	}{{"bin", newNoise(1)}, {"txt", newLog(20260101)}} {
		left := int64(512 * mib)
		for i := range 1000 {
			size := left
			switch {
			case i < 900:
				size = 64 * kib
			case i < 990:
				size = mib
			case i < 999:
				size = 16 * mib
			}
			left -= size
			name := filepath.Join(dir, fmt.Sprintf("%s%02d", kind.name, i%20), fmt.Sprintf("f%04d", i))
			if err := writeFile(name, kind.data, size); err != nil {
				return err
			}
		}
	}
	return nil
}

func small(dir string) error {
	for d := range 100 {
		data := newNoise(uint64(1000 + d))
		if d%2 == 1 {
			data = newLog(uint64(1000 + d))
		}
		for i := range 500 {
			name := filepath.Join(dir, fmt.Sprintf("d%02d", d), fmt.Sprintf("f%03d", i))
			if err := writeFile(name, data, 4*kib); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeFile(name string, data io.Reader, size int64) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	_, err = io.CopyN(f, data, size)
	return errors.Join(err, f.Close())
}

// rows are those of a table of events: a number, a user, a path, a time in milliseconds, and a line of text, of
// which a third is noise in hex, as tokens and hashes are.
func rows(out io.Writer, size int64) error {
	w := bufio.NewWriterSize(out, mib)
	words, noise := newLog(7), newNoise(7)
	line, token := make([]byte, 160), make([]byte, 24)
	var written int64
	for id := 1; written < size; id++ {
		if _, err := io.ReadFull(words, line); err != nil {
			return err
		}
		if _, err := io.ReadFull(noise, token); err != nil {
			return err
		}
		for i, c := range line {
			if c == '\n' {
				line[i] = ' ' // it would end the row
			}
		}
		n, err := fmt.Fprintf(w, "%d\t%d\t%x\t%s\n", id, id%90000, token, line)
		if err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		written += int64(n)
	}
	return w.Flush()
}
