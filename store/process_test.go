package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const childPath = "STORE_TEST_CHILD"

// TestMain lets the test binary be a second process that writes until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, writeForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver prints an id once all that belongs to it was acknowledged.
func writeForEver(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, Options{Instance: "host"})
	if err != nil {
		return err
	}
	fmt.Println("open")
	for {
		r := testRun(NewID(), Running, start)
		err := errors.Join(s.CreateRun(ctx, r),
			s.PutArtifact(ctx, Artifact{RunID: r.ID, Target: "local", Key: strings.Repeat("k", 500), Bytes: 1, State: Present}),
			s.AddJournal(ctx, Entry{ID: r.ID, Kind: "stopped", RunID: r.ID, Was: "running"}))
		if err != nil {
			return err
		}
		fmt.Println(r.ID)
	}
}

type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, path string) child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	no(t, err)
	no(t, cmd.Start())
	c := child{cmd, bufio.NewScanner(out)}
	if !c.lines.Scan() || c.lines.Text() != "open" {
		t.Fatal("the second process did not open the store")
	}
	return c
}

// kill ends the process without warning and returns all ids that it had acknowledged and were not read yet.
func (c child) kill(t *testing.T) (ids []string) {
	t.Helper()
	no(t, c.cmd.Process.Kill())
	for c.lines.Scan() {
		if len(c.lines.Text()) == 16 {
			ids = append(ids, c.lines.Text())
		}
	}
	if err := c.cmd.Wait(); err == nil {
		t.Error("the killed process ended by itself")
	}
	return ids
}

func TestStore_KilledInTheMiddleOfWritesLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	var acknowledged []string
	for _, writes := range []int{1, 7, 40} {
		c := startChild(t, path)
		for range writes {
			c.lines.Scan()
			acknowledged = append(acknowledged, c.lines.Text())
		}
		acknowledged = append(acknowledged, c.kill(t)...)

		s, err := Open(t.Context(), path, Options{})
		no(t, err)
		no(t, s.Check(t.Context()))
		checkAcknowledged(t, s, acknowledged)
		no(t, s.Close())
	}
}

func checkAcknowledged(t *testing.T, s *Store, ids []string) {
	t.Helper()
	journal, err := s.Journal(t.Context())
	no(t, err)
	for _, id := range ids {
		r, err := s.Run(t.Context(), id)
		if err != nil || len(r.Artifacts) != 1 {
			t.Errorf("run %s: %v, %d artifacts", id, err, len(r.Artifacts))
		}
		if !slices.ContainsFunc(journal, func(e Entry) bool { return e.ID == id }) {
			t.Errorf("journal entry %s is lost", id)
		}
	}
	// The bytes in the summary are those of the artifacts, to the last transaction.
	stats, err := s.Stats(t.Context(), start)
	no(t, err)
	var held int64
	no(t, s.read.QueryRow("SELECT count(*) FROM artifacts").Scan(&held))
	if len(stats) != 1 || stats[0].StoredBytes != held {
		t.Errorf("summary %+v, want %d bytes", stats, held)
	}
}

func TestOpen_SecondProcessIsRefusedUntilTheFirstIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	c := startChild(t, path)
	_, err := Open(t.Context(), path, Options{})
	if want := fmt.Sprintf("pid %d", c.cmd.Process.Pid); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ErrInUse and %q", err, want)
	}
	c.kill(t)
	s, err := Open(t.Context(), path, Options{})
	no(t, err)
	no(t, s.Close())
}

func TestStore_WritersAndReadersAtOnce(t *testing.T) {
	s, _ := openTest(t)
	var group sync.WaitGroup
	for w := range 6 {
		group.Go(func() {
			for i := range 30 {
				r := testRun(fmt.Sprintf("%02d-%03d", w, i), Running, start)
				r.Job = fmt.Sprint("job", w)
				a := Artifact{RunID: r.ID, Target: "local", Key: "k", Bytes: 10, State: Present}
				if err := errors.Join(s.CreateRun(t.Context(), r), s.PutArtifact(t.Context(), a)); err != nil {
					t.Error(err)
				}
				r.State = Succeeded
				if err := s.UpdateRun(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
		group.Go(func() {
			for range 30 {
				_, e1 := s.RecentRuns(t.Context(), 20)
				_, e2 := s.Stats(t.Context(), start)
				backups, e3 := s.Backups(t.Context(), fmt.Sprintf("shop/db/job%d", w))
				if err := errors.Join(e1, e2, e3); err != nil {
					t.Error(err)
				}
				for _, b := range backups {
					if len(b.Artifacts) != 1 {
						t.Errorf("backup %s was seen without its artifact", b.ID)
					}
				}
			}
		})
	}
	group.Go(func() {
		if err := snapshot(t.Context(), s.read, snapshotPath(s.Path(), 1)); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	stats, err := s.Stats(t.Context(), start)
	no(t, err)
	if len(stats) != 6 {
		t.Fatalf("%d jobs, want 6", len(stats))
	}
	for _, st := range stats {
		if st.Runs != 30 || st.Succeeded != 30 || st.StoredBytes != 300 {
			t.Errorf("%+v", st)
		}
	}
	no(t, s.Check(t.Context()))
}
