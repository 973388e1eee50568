package docker_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
)

func TestRivals_EarlierOnesThatOverlap(t *testing.T) {
	own := "rivals-" + strings.ToLower(t.Name())
	start := func(env ...string) *enginetest.Container {
		return idle(t, func(o *enginetest.RunOptions) {
			o.Env = append(env, "SIMPLEDEPLOY_LABEL_PREFIX="+own)
			o.Labels = map[string]string{docker.RoleLabel: docker.RoleAppliance, "com.docker.compose.project": "home"}
		})
	}
	all, shop, home := start(), start("SIMPLEDEPLOY_PROJECTS=shop, blog"), start("SIMPLEDEPLOY_PROJECTS=self")
	e := connect(t) // we are here since now
	later := start()
	cases := map[string]struct {
		us   docker.Self
		want []*enginetest.Container
	}{
		"all":            {docker.Self{Prefix: own}, []*enginetest.Container{all, shop, home}},
		"one project":    {docker.Self{Prefix: own, Scope: []string{"blog"}}, []*enginetest.Container{all, shop}},
		"theirs":         {docker.Self{Prefix: own, Scope: []string{"home"}}, []*enginetest.Container{all, home}},
		"another prefix": {docker.Self{Prefix: own + "x"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rivals, err := e.Rivals(t.Context(), c.us)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, r := range rivals {
				got = append(got, r.Name)
				if r.ID == later.ID || !strings.Contains(r.String(), "SIMPLEDEPLOY_PROJECTS") {
					t.Errorf("rival: %s", r)
				}
			}
			for _, w := range c.want {
				want = append(want, w.Name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// The appliance finds itself in its container whatever its host name is, and so its helper's image and the place of
// its sockets on the host.
func TestSelf_InsideAContainer(t *testing.T) {
	image := enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/inside")
	target, _ := withVolume(t)
	cases := map[string]struct {
		volumes, args []string
		socket        bool
	}{
		"data on a volume":   {[]string{enginetest.Volume(t) + ":/data"}, nil, true},
		"data on a bind":     {[]string{t.TempDir() + ":/data"}, nil, true},
		"name of its own":    {[]string{enginetest.Volume(t) + ":/data"}, []string{"--hostname", "db"}, true},
		"network of another": {[]string{enginetest.Volume(t) + ":/data"}, []string{"--network", "container:" + target.Name}, true},
		"data in memory":     {nil, []string{"--tmpfs", "/data"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			appliance := enginetest.Run(t, enginetest.RunOptions{Image: image, Args: c.args, Cmd: []string{target.ID},
				Volumes: append(c.volumes, "/var/run/docker.sock:/var/run/docker.sock")})
			if code := dockerOut(t, "wait", appliance.ID); code != "0" {
				t.Fatalf("exit code %s: %s", code, appliance.Logs(t))
			}
			var got struct {
				Self, Echo string
				Socket     bool
			}
			if err := json.Unmarshal([]byte(appliance.Logs(t)), &got); err != nil {
				t.Fatal(err)
			}
			if got.Self != appliance.ID || got.Echo != "hello" || got.Socket != c.socket {
				t.Errorf("got %+v", got)
			}
		})
	}
}
