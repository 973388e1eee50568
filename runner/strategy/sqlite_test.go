package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// sqliteApp is an application with its data in a volume at /data.
type sqliteApp struct {
	*enginetest.Container
	volume string
	entry  strategy.Entry
	port   strategy.Container
}

func startSQLite(t testing.TB, change ...func(*enginetest.RunOptions)) sqliteApp {
	t.Helper()
	volume := enginetest.Volume(t)
	return onVolume(t, volume, change...)
}

func onVolume(t testing.TB, volume string, change ...func(*enginetest.RunOptions)) sqliteApp {
	t.Helper()
	opt := enginetest.RunOptions{Image: enginetest.SQLiteImage(t), Volumes: []string{volume + ":/data"}}
	for _, f := range change {
		f(&opt)
	}
	c := enginetest.Run(t, opt)
	return sqliteApp{Container: c, volume: volume, entry: strategytest.Entry(t, "sqlite"), port: port.WithHelper(t, c)}
}

func (a sqliteApp) db(t testing.TB, args ...string) string {
	t.Helper()
	return a.Exec(t, append([]string{"db"}, args...)...)
}

// behind starts something in the container that goes on, and waits until it says that it is at work.
func (a sqliteApp) behind(t testing.TB, says string, args ...string) {
	t.Helper()
	enginetest.Docker(t, "exec", "--detach", a.Name, "sh", "-c", "db "+strings.Join(args, " ")+" > /tmp/says 2>&1")
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if out, _ := a.TryExec(t.Context(), nil, "cat", "/tmp/says"); strings.Contains(out, says) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("db %v never said %q", args, says)
		}
	}
}

// listing is every file with owner and mode.
func (a sqliteApp) listing(t testing.TB) string {
	t.Helper()
	return enginetest.Docker(t, "run", "--rm", "--volume", a.volume+":/data", "--user", "0:0", "--entrypoint", "find", enginetest.SQLiteImage(t),
		"/data", "-printf", `%p %U:%G %m\n`)
}

func (a sqliteApp) dump(t testing.TB, opt strategy.Options) ([]byte, strategy.Report, strategy.Proof) {
	t.Helper()
	var raw bytes.Buffer
	report, err := a.entry.Strategy.Dump(t.Context(), a.port, opt, &raw)
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	prover := a.entry.Prover()
	_, _ = prover.Write(raw.Bytes())
	proof, err := prover.Proof()
	if err != nil {
		t.Fatalf("the dump is not proven: %v", err)
	}
	return raw.Bytes(), report, proof.With(report.Counted)
}

// restore stops the application meanwhile, as the runner does.
func (a sqliteApp) restore(t testing.TB, raw []byte, report strategy.Report) strategy.Report {
	t.Helper()
	enginetest.Docker(t, "stop", "--time", "2", a.ID)
	got, err := a.entry.Strategy.Restore(t.Context(), a.port, strategy.Options{Token: "t", Files: report.Files}, bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	enginetest.Docker(t, "start", a.ID)
	return got
}

// sqliteRows differ in what is dumped, and in how the files are written.
func sqliteRows() []row {
	several := []string{"/data/app.db", "/data/deep/er/other.sqlite3", "/data/x y.db"}
	return []row{
		{"sqlite, one in WAL mode", func(t testing.TB) strategytest.Source { return startSQLiteRow(t, "wal", several[:1]) }},
		{"sqlite, one with rollback journal", func(t testing.TB) strategytest.Source { return startSQLiteRow(t, "delete", several[:1]) }},
		{"sqlite, several", func(t testing.TB) strategytest.Source { return startSQLiteRow(t, "wal", several) }},
	}
}

func startSQLiteRow(t testing.TB, mode string, files []string) strategytest.Source {
	t.Helper()
	a := startSQLite(t)
	a.Exec(t, "mkdir", "-p", "/data/deep/er")
	a.Exec(t, "sh", "-c", "echo text > /data/notes.txt; chmod 2770 /data/deep")
	for _, f := range files {
		a.db(t, "make", f, mode)
	}
	before := a.listing(t)
	source := a.source(files...)
	_, report, _ := a.dump(t, strategy.Options{})
	source.Options.Files = report.Files
	source.Options.Extension = map[bool]string{true: ".db", false: ".tar"}[len(files) == 1]
	source.Leftovers = func(t testing.TB) string { return cmp.Diff(before, a.listing(t)) }
	source.Fresh = func(t testing.TB) strategytest.Source {
		other := startSQLite(t)
		fresh := other.source(files...)
		fresh.State = func(t testing.TB) string {
			out, _ := other.TryExec(t.Context(), nil, append([]string{"db", "state"}, files...)...)
			return out
		}
		fresh.Options = source.Options
		fresh.Restart = func(t testing.TB) { enginetest.Docker(t, "restart", "--time", "2", other.ID) }
		return fresh
	}
	source.Hand = a.byHand
	return source
}

func (a sqliteApp) source(files ...string) strategytest.Source {
	return strategytest.Source{
		Entry: a.entry, Container: a.port,
		State:  func(t testing.TB) string { return a.db(t, append([]string{"state"}, files...)...) },
		Damage: func(t testing.TB) { a.db(t, append([]string{"damage"}, files...)...) },
	}
}

// byHand runs the recipe as its manifest has it.
func (a sqliteApp) byHand(t testing.TB, recipe string, raw []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	image, err := enginetest.EnsureBase(t.Context(), "bookworm")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "CONTAINER="+a.Name+"\ncat "+path+" | {\n"+recipe+"\n}\n")
	cmd.Env = append(os.Environ(), "TAR_IMAGE="+image)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("recipe: %v\n%s", err, out)
	}
}

func TestSQLite_OneMomentUnderFire(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			a := startSQLite(t)
			a.db(t, "make", "/data/app.db", mode)
			a.behind(t, "hammering", "hammer", "/data/app.db")
			var raw []byte
			var report strategy.Report
			for range 3 {
				raw, report, _ = a.dump(t, strategy.Options{})
			}
			before, _ := strconv.Atoi(a.db(t, "moves", "/data/app.db"))
			a.dump(t, strategy.Options{})
			if after, _ := strconv.Atoi(a.db(t, "moves", "/data/app.db")); after <= before {
				t.Fatalf("nobody wrote during the dump: %d moves before it, %d after", before, after)
			}
			a.restore(t, raw, report)
			if got := a.db(t, "sums", "/data/app.db"); got != "100000 0 0" {
				t.Errorf("the restored database is between two transactions: %s", got)
			}
			if got := a.db(t, "state", "/data/app.db"); !strings.Contains(got, " ok") {
				t.Errorf("restored: %s", got)
			}
			if list := a.listing(t); strings.Contains(list, " 0:0 ") {
				t.Errorf("something belongs to root now:\n%s", list)
			}
		})
	}
}

func TestSQLite_RestoresToAFreshVolumeAndAfterDamage(t *testing.T) {
	a := startSQLite(t)
	a.Exec(t, "mkdir", "/data/deep")
	a.db(t, "make", "/data/deep/app.db")
	a.Exec(t, "chmod", "640", "/data/deep/app.db")
	want := a.db(t, "state", "/data/deep/app.db")
	raw, report, proof := a.dump(t, strategy.Options{})
	if proof.Tables != 11 || proof.Rows == 0 || proof.Detail["plain"] != 1000 || !proof.Counted {
		t.Errorf("proof %+v", proof)
	}
	t.Run("fresh", func(t *testing.T) {
		fresh := startSQLite(t)
		got := fresh.restore(t, raw, report)
		if d := cmp.Diff(want, fresh.db(t, "state", "/data/deep/app.db")); d != "" {
			t.Errorf("state (-was +is):\n%s", d)
		}
		if d := cmp.Diff(proof, *got.Restored); d != "" {
			t.Errorf("counts (-proof +restored):\n%s", d)
		}
		if list := fresh.listing(t); !strings.Contains(list, "/data/deep/app.db 1000:1000 640") || !strings.Contains(list, "/data/deep 1000:1000 755") {
			t.Errorf("owner and mode:\n%s", list)
		}
	})
	for name, damage := range map[string]string{
		"overwritten":                        "dd if=/dev/urandom of=/data/deep/app.db bs=4096 count=20 conv=notrunc 2>/dev/null",
		"cut":                                "truncate -s 10000 /data/deep/app.db",
		"gone":                               "rm /data/deep/app.db",
		"with its path":                      "rm -r /data/deep",
		"a stale wal":                        "cp /data/deep/app.db /tmp/x.db && db damage /tmp/x.db && db crash /tmp/x.db; cp /tmp/x.db-wal /data/deep/app.db-wal; ls /data/deep/app.db-wal",
		"a link where its journal should be": "rm /data/deep/app.db; ln -s /etc/passwd /data/deep/app.db-journal",
	} {
		t.Run(name, func(t *testing.T) {
			a.Exec(t, "sh", "-c", damage)
			a.restore(t, raw, report)
			if d := cmp.Diff(want, a.db(t, "state", "/data/deep/app.db")); d != "" {
				t.Errorf("state (-was +is):\n%s", d)
			}
			if list := a.listing(t); strings.Contains(list, "-wal") || strings.Contains(list, "-journal") || strings.Contains(list, "simpledeploy") {
				t.Errorf("left behind:\n%s", list)
			}
		})
	}
}

func TestSQLite_ReadsWhatACrashLeft(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			a := startSQLite(t)
			a.db(t, "make", "/data/app.db", mode)
			_, _ = a.TryExec(t.Context(), nil, "db", "crash", "/data/app.db")
			if list := a.listing(t); !strings.Contains(list, "-wal") && !strings.Contains(list, "-journal") {
				t.Fatalf("the crash left nothing: this test would prove nothing\n%s", list)
			}
			enginetest.Docker(t, "stop", "--time", "2", a.ID)
			raw, report, proof := a.dump(t, strategy.Options{})
			if mode == "wal" && proof.Detail["moves"] != 1 {
				t.Errorf("what stood in the -wal is missing: %v", proof.Detail)
			}
			if list := a.listing(t); strings.Contains(list, " 0:0 ") {
				t.Errorf("something belongs to root now:\n%s", list)
			}
			a.restore(t, raw, report)
			if got := a.db(t, "sums", "/data/app.db"); !strings.HasPrefix(got, "100000 0") {
				t.Errorf("sums %s", got)
			}
		})
	}
}

// failsWith sees that neither a dump comes about nor anything changes.
func (a sqliteApp) failsWith(t testing.TB, opt strategy.Options, words ...string) {
	t.Helper()
	before := a.listing(t)
	var raw bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := a.entry.Strategy.Dump(ctx, a.port, opt, &raw)
	if err == nil {
		t.Fatalf("the dump says that it is done")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	prover := a.entry.Prover()
	_, _ = prover.Write(raw.Bytes())
	if _, err := prover.Proof(); err == nil {
		t.Error("what it wrote counts as whole")
	}
	if d := cmp.Diff(before, a.listing(t)); d != "" {
		t.Errorf("files changed:\n%s", d)
	}
}

func TestSQLite_RefusesByName(t *testing.T) {
	a := startSQLite(t)
	a.failsWith(t, strategy.Options{}, "no SQLite database")
	if _, err := a.entry.Strategy.Dump(t.Context(), a.port, strategy.Options{}, io.Discard); !errors.Is(err, strategy.ErrNothing) {
		t.Errorf("nothing found: %v", err)
	}
	a.db(t, "make", "/data/good.db", "delete")
	a.Exec(t, "sh", "-c", "head -c 20000 /dev/urandom > /data/cipher.db; echo text > /data/text.db; : > /data/empty.db; cp /data/good.db /data/cut.sqlite; truncate -s 30000 /data/cut.sqlite; ln -s good.db /data/link")
	a.Exec(t, "sh", "-c", "cp /data/good.db /data/rotten.sqlite; dd if=/dev/urandom of=/data/rotten.sqlite bs=4096 seek=3 count=5 conv=notrunc 2>/dev/null")
	for name, c := range map[string]struct {
		paths, exclude, words []string
	}{
		"encrypted":          {[]string{"/data/cipher.db"}, nil, []string{"/data/cipher.db", "encrypted"}},
		"text":               {[]string{"/data/text.db", "/data/good.db"}, nil, []string{"/data/text.db", "no SQLite database"}},
		"empty":              {[]string{"/data/empty.db"}, nil, []string{"/data/empty.db", "empty"}},
		"pattern":            {[]string{"/data/*.db"}, nil, []string{"/data/cipher.db", "/data/text.db", "/data/empty.db"}},
		"pattern of nothing": {[]string{"/data/good.db", "/data/*.sqlite9"}, nil, []string{"/data/*.sqlite9"}},
		"folder of nothing":  {[]string{"/data"}, []string{"*.db", "*.sqlite"}, []string{"/data", "no SQLite database"}},
		"not there":          {[]string{"/data/gone.db"}, nil, []string{"/data/gone.db", "paths"}},
		"cut":                {[]string{"/data/cut.sqlite"}, nil, []string{"/data/cut.sqlite", "damaged"}},
		"rotten":             {nil, []string{"cut*"}, []string{"/data/rotten.sqlite", "damaged"}},
		"link":               {[]string{"/data/link"}, nil, []string{"/data/link"}},
		"own layer":          {[]string{"/etc/passwd"}, nil, []string{"/etc/passwd", "layer"}},
	} {
		t.Run(name, func(t *testing.T) {
			a.failsWith(t, strategy.Options{Paths: c.paths, Exclude: c.exclude}, c.words...)
		})
	}
	_, report, _ := a.dump(t, strategy.Options{Paths: []string{"/data/g*.db"}})
	if len(report.Files) != 1 || report.Files[0].Path != "/data/good.db" {
		t.Errorf("found %+v", report.Files)
	}
}

func TestSQLite_AForgedPlaceReplacesNothingAndGivesNoRights(t *testing.T) {
	a := startSQLite(t)
	a.db(t, "make", "/data/app.db", "delete")
	a.Exec(t, "sh", "-c", "echo 'listen 80' > /data/app.conf; echo mine > /data/app.conf-wal; chmod 640 /data/app.conf")
	raw, report, _ := a.dump(t, strategy.Options{Paths: []string{"/data/app.db"}})
	enginetest.Docker(t, "stop", "--time", "2", a.ID)
	before := a.listing(t)
	forged := func(place string) error {
		report.Files[0].Path, report.Files[0].Mode = place, 0o6777
		_, err := a.entry.Strategy.Restore(t.Context(), a.port, strategy.Options{Token: "t", Files: report.Files}, bytes.NewReader(raw))
		return err
	}
	if err := forged("/data/app.conf"); err == nil || !strings.Contains(err.Error(), "/data/app.conf is there and is no SQLite database") {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff(before, a.listing(t)); d != "" {
		t.Errorf("a refused restore changed (-was +is):\n%s", d)
	}
	if err := forged("/data/app.db"); err != nil {
		t.Fatal(err)
	}
	enginetest.Docker(t, "start", a.ID)
	if list := a.listing(t); !strings.Contains(list, "/data/app.db 1000:1000 777\n") {
		t.Errorf("owner and mode:\n%s", list)
	}
	if conf := a.Exec(t, "cat", "/data/app.conf", "/data/app.conf-wal"); conf != "listen 80\nmine" {
		t.Errorf("app.conf and what is beside it: %q", conf)
	}
}

func TestSQLite_ALockThatIsNeverGivenBackIsAFailure(t *testing.T) {
	a := startSQLite(t)
	a.db(t, "make", "/data/app.db", "delete")
	a.behind(t, "locked", "lock", "/data/app.db")
	began := time.Now()
	a.failsWith(t, strategy.Options{}, "/data/app.db", "locked", "quiesce=stop")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestSQLite_AnyContainerAndAnyOwner(t *testing.T) {
	t.Run("image without a shell, read-only root, other user", func(t *testing.T) {
		a := startSQLite(t)
		a.db(t, "make", "/data/app.db")
		bare := onVolume(t, a.volume, func(o *enginetest.RunOptions) {
			o.Image, o.Args = enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/shellless"), []string{"--read-only", "--user", "7:7"}
		})
		want := a.db(t, "state", "/data/app.db")
		raw, report, _ := bare.dump(t, strategy.Options{})
		a.db(t, "damage", "/data/app.db")
		enginetest.Docker(t, "stop", "--time", "1", a.ID)
		bare.restore(t, raw, report)
		enginetest.Docker(t, "start", a.ID)
		if d := cmp.Diff(want, a.db(t, "state", "/data/app.db")); d != "" {
			t.Errorf("state (-was +is):\n%s", d)
		}
	})
	t.Run("owner who may not write beside his file", func(t *testing.T) {
		a := startSQLite(t, func(o *enginetest.RunOptions) { o.Args = []string{"--user", "0:0"} })
		a.db(t, "make", "/data/app.db")
		a.Exec(t, "sh", "-c", "chown 0:0 /data; chmod 755 /data; chown 1000:1000 /data/app.db; chmod 600 /data/app.db")
		before := a.listing(t)
		_, _, proof := a.dump(t, strategy.Options{})
		if proof.Detail["plain"] != 1000 {
			t.Errorf("proof %+v", proof)
		}
		if d := cmp.Diff(before, a.listing(t)); d != "" {
			t.Errorf("files changed:\n%s", d)
		}
		// With the application at work the files beside it stay; they are its owner's, not root's.
		a.Exec(t, "sh", "-c", "cp -p /data/app.db /data/other.db")
		a.behind(t, "hammering", "hammer", "/data/other.db")
		a.dump(t, strategy.Options{Paths: []string{"/data/*.db"}})
	})
	t.Run("read-only mount", func(t *testing.T) {
		a := startSQLite(t)
		a.db(t, "make", "/data/plain.db", "delete")
		reader := onVolume(t, a.volume, func(o *enginetest.RunOptions) { o.Volumes = []string{a.volume + ":/data:ro"} })
		if _, _, proof := reader.dump(t, strategy.Options{}); proof.Detail["plain"] != 1000 {
			t.Errorf("proof %+v", proof)
		}
		a.db(t, "make", "/data/wal.db", "wal")
		reader.failsWith(t, strategy.Options{}, "/data/wal.db", "read-only mount")
	})
	t.Run("mounted as a single file", func(t *testing.T) {
		a := startSQLite(t)
		a.db(t, "make", "/data/app.db")
		dir := t.TempDir()
		enginetest.Docker(t, "cp", a.Name+":/data/app.db", dir+"/one.db")
		alone := startSQLite(t, func(o *enginetest.RunOptions) { o.Volumes = append(o.Volumes, dir+"/one.db:/srv/one.db") })
		alone.failsWith(t, strategy.Options{Paths: []string{"/srv/one.db"}}, "/srv/one.db", "mount its folder")
	})
	t.Run("a collation that only the application has", func(t *testing.T) {
		a := startSQLite(t)
		a.db(t, "collated", "/data/app.db")
		_, report, proof := a.dump(t, strategy.Options{})
		if proof.Detail["fine"] != 1 || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "own") {
			t.Errorf("proof %+v, warnings %v", proof, report.Warnings)
		}
	})
}

// peak follows the helper on a volume and tells the most memory that it ever had.
func peak(t *testing.T, volume string) func() int {
	done, most := make(chan struct{}), make(chan int)
	go func() {
		best, tick := 0, time.NewTicker(100*time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				most <- best
				return
			case <-tick.C:
			}
			out, _ := exec.Command("docker", "ps", "-q", "--filter", "label=com.simpledeploy.backup.role=helper", "--filter", "volume="+volume).Output()
			for _, id := range strings.Fields(string(out)) {
				pid, _ := exec.Command("docker", "inspect", "--format", "{{.State.Pid}}", id).Output()
				status, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/status")
				for line := range strings.Lines(string(status)) {
					if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
						n, _ := strconv.Atoi(strings.Fields(rest)[0])
						best = max(best, n>>10)
					}
				}
			}
		}
	}()
	return func() int { close(done); return <-most }
}

func TestSQLite_AGiBInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes some GiB")
	}
	a := startSQLite(t)
	a.db(t, "big", "/data/big.db", "1024")
	path := filepath.Join(t.TempDir(), "raw")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	prover := a.entry.Prover()
	mib := peak(t, a.volume)
	began := time.Now()
	report, err := a.entry.Strategy.Dump(t.Context(), a.port, strategy.Options{}, io.MultiWriter(file, prover))
	if err != nil {
		t.Fatal(err)
	}
	took, most := time.Since(began), mib()
	proof, err := prover.Proof()
	if err != nil || report.Counted.Detail["big"] != 1024 || proof.Bytes < 1<<30 {
		t.Fatalf("proof %+v, %v, counted %+v", proof, err, report.Counted)
	}
	t.Logf("%d MiB in %s, helper's peak %d MiB", proof.Bytes>>20, took, most)
	if most == 0 || most > 96 {
		t.Errorf("the helper had %d MiB", most)
	}
	want := a.db(t, "state", "/data/big.db")
	a.Exec(t, "truncate", "-s", "5000000", "/data/big.db")
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	enginetest.Docker(t, "stop", "--time", "1", a.ID)
	mib = peak(t, a.volume)
	got, err := a.entry.Strategy.Restore(t.Context(), a.port, strategy.Options{Token: "t", Files: report.Files}, file)
	most = mib()
	if err != nil || got.Restored.Detail["big"] != 1024 {
		t.Fatalf("restore: %v", err)
	}
	t.Logf("restore: helper's peak %d MiB", most)
	if most == 0 || most > 96 {
		t.Errorf("the restoring helper had %d MiB", most)
	}
	enginetest.Docker(t, "start", a.ID)
	if d := cmp.Diff(want, a.db(t, "state", "/data/big.db")); d != "" {
		t.Errorf("state (-was +is):\n%s", d)
	}
}

func TestSQLite_AHelperThatIsKilledLeavesNothing(t *testing.T) {
	a := startSQLite(t)
	a.db(t, "big", "/data/big.db", "40")
	dir := t.TempDir()
	engine, err := docker.Connect(t.Context(), docker.Options{DataDir: dir, StoreID: t.Name(), HelperImage: enginetest.HelperImage(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	info, err := engine.Inspect(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	before := a.listing(t)
	copies := 0
	killed := writerFunc(func(p []byte) (int, error) {
		// The first bytes come once the copy is made: it lies in the run's folder now.
		found, _ := filepath.Glob(dir + "/run/helper-*/work/*")
		copies += len(found)
		enginetest.Docker(t, "kill", enginetest.Docker(t, "ps", "--quiet", "--filter", "label=simpledeploy.helper="+t.Name()))
		return len(p), nil
	})
	var once firstOnly
	once.w = killed
	if _, err := a.entry.Strategy.Dump(t.Context(), engine.Container(info), strategy.Options{}, &once); err == nil {
		t.Error("the dump says that it is done")
	}
	if copies == 0 {
		t.Error("no copy was in the run's folder: this test proves nothing")
	}
	if left, _ := filepath.Glob(dir + "/run/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if d := cmp.Diff(before, a.listing(t)); d != "" {
		t.Errorf("files changed:\n%s", d)
	}
	// What an appliance that was killed itself could not remove goes at the next start.
	work := dir + "/run/helper-left/work"
	if err := errors.Join(os.MkdirAll(work, 0o777), os.WriteFile(work+"/copy-0", []byte("x"), 0o600), os.Chown(work+"/copy-0", 1000, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := engine.RemoveLeftovers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(dir + "/run/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// firstOnly hands on the first bytes and swallows the rest.
type firstOnly struct {
	w    io.Writer
	done bool
}

func (f *firstOnly) Write(p []byte) (int, error) {
	if f.done {
		return len(p), nil
	}
	f.done = true
	return f.w.Write(p)
}
