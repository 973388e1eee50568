package docker_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

// transports runs a test over both ways that data can take.
func transports(t *testing.T, test func(t *testing.T, e *docker.Engine)) {
	for name, attach := range map[string]bool{"socket": false, "attach": true} {
		t.Run(name, func(t *testing.T) {
			image := enginetest.ProgramImage(t, oddHelper)
			e := connect(t, func(o *docker.Options) { o.AttachOnly, o.HelperImage, o.StoreID = attach, image, t.Name() })
			t.Cleanup(func() {
				if left := leftHelpers(t, "label=simpledeploy.helper="+t.Name()); left != "" {
					t.Errorf("helpers left behind: %s", left)
				}
			})
			test(t, e)
		})
	}
}

// leftHelpers lists the helpers that fit a filter, running or not.
func leftHelpers(t *testing.T, filter string) string {
	t.Helper()
	return dockerOut(t, "ps", "--all", "--quiet", "--filter", "label=com.simpledeploy.backup.role=helper", "--filter", filter)
}

func withVolume(t *testing.T) (*enginetest.Container, string) {
	v := enginetest.Volume(t)
	c := idle(t, func(o *enginetest.RunOptions) { o.Volumes = []string{v + ":/data", "/opt/cache"} })
	c.Exec(t, "sh", "-c", "mkdir /data/sub && echo -n content > /data/sub/file && chmod 600 /data/sub/file && chown 33:33 /data/sub/file")
	return c, v
}

func TestHelp_StreamsBothWays(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		c, _ := withVolume(t)
		in := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		var out bytes.Buffer
		var trailer struct{ Read int64 }
		var took time.Duration
		err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "echo", Paths: []string{"/data"},
			Stdin: bytes.NewReader(in), Stdout: &out, Trailer: &trailer, Started: func(d time.Duration) { took = d }})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(in, out.Bytes()) || trailer.Read != int64(len(in)) || took <= 0 {
			t.Errorf("sent %d bytes, got %d, trailer %+v, start %s", len(in), out.Len(), trailer, took)
		}
		t.Logf("helper's start: %s", took)
	})
}

func TestHelp_ReadsAndWritesWhatThePathsNeed(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		c, _ := withVolume(t)
		var out bytes.Buffer
		p := port(t, e, c)
		if err := p.Help(t.Context(), strategy.HelperCommand{Op: "read", Paths: []string{"/data/sub/file"}, Stdout: &out}); err != nil || out.String() != "content" {
			t.Errorf("read %q, error %v", out.String(), err)
		}
		err := p.Help(t.Context(), strategy.HelperCommand{Op: "write", Writable: true, Paths: []string{"/data/sub/new"}, Stdin: strings.NewReader("restored")})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Exec(t, "sh", "-c", "cat /data/sub/new; stat -c ' %u:%g' /data/sub/new"); got != "restored 999:999" {
			t.Errorf("got %q", got)
		}
		// A stopped container's volumes can be read as well.
		enginetest.Docker(t, "stop", c.ID)
		out.Reset()
		if err := p.Help(t.Context(), strategy.HelperCommand{Op: "read", Paths: []string{"/data/sub/file"}, Stdout: &out}); err != nil || out.String() != "content" {
			t.Errorf("read %q, error %v", out.String(), err)
		}
	})
}

func TestHelp_SeesNothingElse(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		v := enginetest.Volume(t)
		c := idle(t, func(o *enginetest.RunOptions) {
			o.Volumes = []string{v + ":/data", "/opt/cache", "/var/run/docker.sock:/var/run/docker.sock"}
		})
		for _, writable := range []bool{false, true} {
			var got map[string]any
			err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "look", Paths: []string{"/data"}, Writable: writable, Trailer: &got})
			if err != nil {
				t.Fatal(err)
			}
			delete(got, "run")
			caps := "0000000000000004" // DAC_READ_SEARCH
			if writable {
				caps = "000000008800001f" // and CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP
			}
			want := map[string]any{"CapEff": caps, "NoNewPrivs": "1", "interfaces": float64(1), "root_writable": false,
				"sources": []any{"/src/0"}, "engine_socket": false, "writable": writable}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("writable %v: %s", writable, diff)
			}
		}
	})
}

func TestHelp_LeavesAnonymousVolumesOfTheTargetAlone(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		c, _ := withVolume(t)
		c.Exec(t, "sh", "-c", "echo -n kept > /opt/cache/file")
		before := dockerOut(t, "volume", "ls", "--quiet")
		for range 2 {
			var out bytes.Buffer
			err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "read", Paths: []string{"/opt/cache/file"}, Stdout: &out})
			if err != nil || out.String() != "kept" {
				t.Errorf("read %q, error %v", out.String(), err)
			}
		}
		name := dockerOut(t, "inspect", "--format", `{{range .Mounts}}{{if eq .Destination "/opt/cache"}}{{.Name}}{{end}}{{end}}`, c.ID)
		if after := dockerOut(t, "volume", "ls", "--quiet"); !strings.Contains(before, name) || !strings.Contains(after, name) {
			t.Errorf("volume %s is gone", name)
		}
	})
}

func TestHelp_Failures(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		c, _ := withVolume(t)
		p := port(t, e, c)
		broken := errors.New("the stored hash does not agree")
		cases := map[string]struct {
			cmd  strategy.HelperCommand
			want []string
		}{
			"the operation fails":    {strategy.HelperCommand{Op: "fail"}, []string{"no space left on the volume"}},
			"no trailer":             {strategy.HelperCommand{Op: "die"}, []string{"without a trailer", "exit code 3", "the disk has a bad sector"}},
			"an unknown operation":   {strategy.HelperCommand{Op: "format"}, []string{"unknown operation"}},
			"the input breaks":       {strategy.HelperCommand{Op: "echo", Stdin: iotest.ErrReader(broken)}, []string{broken.Error()}},
			"the output breaks":      {strategy.HelperCommand{Op: "die", Stdout: brokenWriter{errors.New("target is full")}}, []string{"target is full"}},
			"a container's layer":    {strategy.HelperCommand{Op: "read", Paths: []string{"/etc"}}, []string{"container's own layer", c.Name}},
			"a write in a dump":      {strategy.HelperCommand{Op: "write", Paths: []string{"/data/x"}, Stdin: strings.NewReader("x")}, []string{"read-only"}},
			"a file that is no more": {strategy.HelperCommand{Op: "read", Paths: []string{"/data/none"}}, []string{"no such file"}},
		}
		for name, tt := range cases {
			t.Run(name, func(t *testing.T) {
				if tt.cmd.Paths == nil {
					tt.cmd.Paths = []string{"/data"}
				}
				wantError(t, p.Help(t.Context(), tt.cmd), tt.want...)
			})
		}
	})
}

func TestHelp_KilledMidStream(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		c, v := withVolume(t)
		flowing := newTrigger(1)
		killed := make(chan struct{})
		var volumes string
		go func() {
			defer close(killed)
			<-flowing.reached
			helper := leftHelpers(t, "volume="+v)
			volumes = dockerOut(t, "inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", helper)
			enginetest.Docker(t, "kill", helper)
		}()
		err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "hang", Paths: []string{"/data"}, Stdout: flowing})
		<-killed
		wantError(t, err, "without a trailer", "137")
		// The image declares a volume, so each helper brings one along.
		names := strings.Fields(strings.ReplaceAll(volumes, v, ""))
		if len(names) != 1 || strings.Contains(dockerOut(t, "volume", "ls", "--quiet"), names[0]) {
			t.Errorf("the helper's own volume is left: %v", names)
		}
	})
}

func TestHelp_CancelKillsTheHelper(t *testing.T) {
	transports(t, func(t *testing.T, e *docker.Engine) {
		c, v := withVolume(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		tooLong := errors.New("the run took longer than 6h")
		flowing := newTrigger(1)
		go func() {
			<-flowing.reached
			cancel(tooLong)
		}()
		err := port(t, e, c).Help(ctx, strategy.HelperCommand{Op: "hang", Paths: []string{"/data"}, Stdout: flowing})
		if !errors.Is(err, tooLong) {
			t.Errorf("error: %v", err)
		}
		if left := leftHelpers(t, "volume="+v); left != "" {
			t.Errorf("helper %s is left", left)
		}
	})
}

func TestHelp_WhereNoSocketReachesTheAttachStreamDoes(t *testing.T) {
	image := enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/nosocket")
	e := connect(t, func(o *docker.Options) { o.HelperImage = image })
	c, _ := withVolume(t)
	for range 2 {
		var out bytes.Buffer
		err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "echo", Paths: []string{"/data"}, Stdin: strings.NewReader("hello"), Stdout: &out})
		if err != nil || out.String() != "hello" {
			t.Errorf("got %q, error %v", out.String(), err)
		}
	}
}

func TestHelp_WithoutAnImageSaysWhatToSet(t *testing.T) {
	e := connect(t)
	c, _ := withVolume(t)
	err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "echo", Paths: []string{"/data"}})
	wantError(t, err, "SIMPLEDEPLOY_HELPER_IMAGE")
	e = connect(t, func(o *docker.Options) { o.HelperImage = "no-such-image:1" })
	err = port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "echo", Paths: []string{"/data"}})
	wantError(t, err, "no-such-image:1", "does not have image")
}

func TestHelp_LongDataFolder(t *testing.T) {
	image := enginetest.ProgramImage(t, oddHelper)
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	e := connect(t, func(o *docker.Options) { o.HelperImage, o.DataDir = image, dir })
	c, _ := withVolume(t)
	var got struct{ Run []string }
	if err := port(t, e, c).Help(t.Context(), strategy.HelperCommand{Op: "look", Paths: []string{"/data"}, Trailer: &got}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/run/helper/s.sock"}, got.Run); diff != "" {
		t.Errorf("the helper sees another folder than the call's own: %s", diff)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "run")); len(left) > 0 {
		t.Errorf("sockets left behind: %v", left)
	}
}

func TestRemoveLeftovers_OnlyOurOwn(t *testing.T) {
	e := connect(t, func(o *docker.Options) { o.StoreID = "ours-" + t.Name() })
	run := func(store string, labels ...string) *enginetest.Container {
		return idle(t, func(o *enginetest.RunOptions) {
			o.Labels = map[string]string{"simpledeploy.helper": store, "com.simpledeploy.backup.role": "helper"}
			for _, l := range labels {
				delete(o.Labels, l)
			}
		})
	}
	own, other := run("ours-"+t.Name()), run("theirs")
	lookalike := run("ours-"+t.Name(), "com.simpledeploy.backup.role")
	if err := e.RemoveLeftovers(t.Context()); err != nil {
		t.Fatal(err)
	}
	running := dockerOut(t, "ps", "--quiet", "--no-trunc")
	for c, want := range map[*enginetest.Container]bool{own: false, other: true, lookalike: true} {
		if got := strings.Contains(running, c.ID); got != want {
			t.Errorf("container %s is there: %v, want %v", c.Name, got, want)
		}
	}
}
