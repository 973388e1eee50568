package strategy_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

const lookAtProcesses = `for f in /proc/[0-9]*/cmdline; do case "$f" in /proc/$$/*) ;; *) tr '\000' ' ' <$f; echo ;; esac; done`

func TestRedis_FindsTheWayInAndShowsNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "t0p s'ecr$et"
	folder := secretFiles(t, map[string]string{
		"secret": secret + "\n", "server.conf": "port 6400\nrequirepass \"" + secret + "\"\n",
		"users.acl": "user default on #" + fmt.Sprintf("%x", sha256.Sum256([]byte(secret))) + " ~* &* +@all\nuser keeper on >k33per ~* &* -@all +ping +info +bgsave +config|get +function|list\n",
	})
	mount := []string{folder + ":/extra"}
	cases := map[string]struct {
		version string
		run     enginetest.RunOptions
		opt     strategy.Options
		auth    []string
	}{
		"password on the command line": {"redis:7.0", enginetest.RunOptions{Cmd: []string{"redis-server", "--requirepass", secret, "--appendonly", "yes"}}, strategy.Options{}, nil},
		"in a shell's command": {"redis:7.0", enginetest.RunOptions{Env: []string{"MY=" + secret},
			Cmd: []string{"sh", "-c", `exec redis-server --port 6500 --requirepass "$MY"`}}, strategy.Options{}, []string{"-p", "6500"}},
		"in a variable": {"redis:8.0", enginetest.RunOptions{Env: []string{"REDIS_PASSWORD=" + secret}, Cmd: []string{"sh", "-c", `exec redis-server --requirepass "$REDIS_PASSWORD"`}}, strategy.Options{}, nil},
		"in a file that a variable names": {"valkey/valkey:8.1", enginetest.RunOptions{Volumes: mount, Env: []string{"VALKEY_PASSWORD_FILE=/extra/secret"},
			Cmd: []string{"sh", "-c", `exec valkey-server --requirepass "$(cat /extra/secret)"`}}, strategy.Options{}, nil},
		"in a variable for more arguments": {"valkey/valkey:8.1", enginetest.RunOptions{Env: []string{"VALKEY_EXTRA_FLAGS=--requirepass " + strings.ReplaceAll(secret, " ", "_")}}, strategy.Options{}, nil},
		"in the configuration":             {"redis:8.0", enginetest.RunOptions{Volumes: mount, Cmd: []string{"redis-server", "/extra/server.conf"}}, strategy.Options{}, []string{"-p", "6400"}},
		"named by a label": {"redis:7.0", enginetest.RunOptions{Volumes: mount, Env: []string{"REDIS_PASSWORD=wrong"}, Cmd: []string{"--requirepass", secret}},
			strategy.Options{PasswordFile: "/extra/secret"}, nil},
		"a user that may do little": {"redis:7.0", enginetest.RunOptions{Volumes: mount, Env: []string{"KEEPER=k33per"}, Cmd: []string{"--aclfile", "/extra/users.acl"}},
			strategy.Options{User: "keeper", PasswordEnv: "KEEPER"}, nil},
		"a socket only": {"redis:8.0", enginetest.RunOptions{Cmd: []string{"--port", "0", "--unixsocket", "/tmp/redis.sock", "--unixsocketperm", "777", "--requirepass", secret}},
			strategy.Options{}, []string{"-s", "/tmp/redis.sock"}},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			password := secret
			if name == "in a variable for more arguments" {
				password = strings.ReplaceAll(secret, " ", "_")
			}
			d := startRedis(t, tt.version, tt.run, append(tt.auth, "--no-auth-warning", "-a", password)...)
			d.cli(t, 0, "SET a b\nEVAL \"math.randomseed(1) for i=1,100 do local p={} for j=1,20000 do p[j]=math.random(1000000) end redis.call('SET','w'..i,table.concat(p)) end\" 0")
			shown := ""
			var dump bytes.Buffer
			look := strategytest.After(20_000, func() { shown += d.Exec(t, "sh", "-c", lookAtProcesses) })
			w := &strategytest.Watched{Container: d.Source.Container}
			if _, err := d.Entry.Strategy.Dump(t.Context(), w, tt.opt, io.MultiWriter(&dump, look)); err != nil {
				t.Fatal(err)
			}
			if proof, err := strategytest.Prove(d.Entry, dump.Bytes()); err != nil || proof.Entries != 101 {
				t.Errorf("proof %+v, %v", proof, err)
			}
			if !strings.Contains(shown, "cat") {
				t.Fatalf("the dump was not seen at work:\n%s", shown)
			}
			for _, s := range []string{password, "k33per"} {
				if strings.Contains(shown+w.Shown(), s) {
					t.Errorf("%s is shown", s)
				}
			}
		})
	}
}

func TestRedis_RefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	plain := startRedis(t, "redis:7.0", enginetest.RunOptions{Env: []string{"EMPTY="}})
	locked := startRedis(t, "redis:7.0", enginetest.RunOptions{Env: []string{"HIDDEN=right", "REDIS_PASSWORD=wr0ng"}, Cmd: []string{"sh", "-c", `p=$HIDDEN; exec redis-server --requirepass "$p"`}})
	bare := startRedis(t, "redis:7.0", enginetest.RunOptions{})
	bare.Exec(t, "sh", "-c", "rm $(command -v redis-cli)")
	full := startRedis(t, "redis:7.0", enginetest.RunOptions{Args: []string{"--tmpfs", "/data:size=64k"}})
	full.cli(t, 0, "CONFIG SET rdbcompression no\nEVAL \"redis.call('SET','big',string.rep('x',1000000))\" 0")
	cases := map[string]struct {
		d    redisServer
		opt  strategy.Options
		says string
	}{
		"wrong password":                {locked, strategy.Options{}, "set the label password-env or password-file"},
		"wrong password in a label":     {locked, strategy.Options{PasswordEnv: "REDIS_PASSWORD"}, "refuses the password in REDIS_PASSWORD"},
		"variable that is not there":    {locked, strategy.Options{PasswordEnv: "NONE"}, "no variable NONE"},
		"no variable's name":            {locked, strategy.Options{PasswordEnv: "A;reboot"}, "is not the name of a variable"},
		"file that is not there":        {locked, strategy.Options{PasswordFile: "/none"}, "/none cannot be read"},
		"user without a password":       {locked, strategy.Options{User: "someone"}, "someone needs a password"},
		"password that nobody asks for": {plain, strategy.Options{PasswordEnv: "PATH"}, "refuses the password in PATH"},
		"named databases":               {plain, strategy.Options{Databases: []string{"0"}}, "remove the label databases"},
		"no client in the image":        {bare, strategy.Options{}, "neither redis-cli nor valkey-cli"},
		"disk that is full":             {full, strategy.Options{}, "could not save its data"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			var dump bytes.Buffer
			_, err := tt.d.Entry.Strategy.Dump(t.Context(), tt.d.Source.Container, tt.opt, &dump)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error: %v", err)
			}
			if dump.Len() > 0 {
				t.Errorf("%d bytes of a dump", dump.Len())
			}
			if err != nil && (strings.Contains(err.Error(), "wr0ng") || strings.Contains(err.Error(), "/usr/sbin")) {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestRedis_TLSOnly(t *testing.T) {
	t.Parallel()
	for _, version := range enginetest.RedisVersions() {
		t.Run(version, func(t *testing.T) {
			script := `cd /tmp && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=test -addext basicConstraints=critical,CA:true >/dev/null 2>&1
exec ` + strings.Replace(enginetest.RedisClient(version), "-cli", "-server", 1) + ` --port 0 --tls-port 6379 --tls-cert-file /tmp/cert.pem --tls-key-file /tmp/key.pem --tls-ca-cert-file /tmp/cert.pem --requirepass s3cret`
			d := startRedis(t, version, enginetest.RunOptions{Cmd: []string{"sh", "-c", script}},
				"--tls", "--cacert", "/tmp/cert.pem", "--cert", "/tmp/cert.pem", "--key", "/tmp/key.pem", "--no-auth-warning", "-a", "s3cret")
			d.cli(t, 0, "SET a b")
			dump, _ := d.Dump(t)
			d.cli(t, 0, "SET a c\nSET d e")
			d.Restore(t, dump)
			if got := d.cli(t, 0, "GET a\nDBSIZE"); got != "b\n1" {
				t.Errorf("restored: %q", got)
			}
		})
	}
}

func TestRedis_ReplicaIsDumpedAndNotRestoredInto(t *testing.T) {
	t.Parallel()
	network := enginetest.Network(t)
	master := startRedis(t, "redis:8.0", enginetest.RunOptions{Network: network})
	master.cli(t, 0, "SET a b")
	replica := startRedis(t, "redis:8.0", enginetest.RunOptions{Network: network, Cmd: []string{"--replicaof", master.Name, "6379"}})
	replica.Exec(t, "sh", "-c", "i=0; until redis-cli INFO replication | grep -q master_link_status:up; do i=$((i+1)); [ $i -lt 300 ] || exit 1; sleep 0.1; done")
	dump, proof := replica.Dump(t)
	if proof.Entries != 1 {
		t.Errorf("proof %+v", proof)
	}
	_, err := replica.restoreOf(t, t.Context(), strategy.Options{}, bytes.NewReader(dump))
	if err == nil || !strings.Contains(err.Error(), "restore into the master") {
		t.Errorf("error: %v", err)
	}
}
