package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

func redisEntry(t testing.TB) strategy.Entry {
	for _, entry := range strategy.Builtin() {
		if entry.Name == "redis" {
			return entry
		}
	}
	t.Fatal("redis is not in the registry")
	return strategy.Entry{}
}

// redisServer is one server, Redis or Valkey.
type redisServer struct {
	*enginetest.Container
	version string
	port    strategy.Container
	auth    []string // arguments of the test's own client
}

func startRedis(t testing.TB, version string, opt enginetest.RunOptions, auth ...string) redisServer {
	t.Helper()
	c := enginetest.StartRedis(t, version, opt)
	return redisServer{c, version, port.New(t, c), auth}
}

// cli runs commands, one a line, in database n.
func (d redisServer) cli(t testing.TB, n int, commands string) string {
	t.Helper()
	args := append([]string{"env", "-u", "REDISCLI_AUTH", enginetest.RedisClient(d.version), "-n", fmt.Sprint(n)}, d.auth...)
	return d.ExecInput(t, strings.NewReader(commands+"\n"), args...)
}

const redisFill = `SET plain hello
SET number 12345678901
SET small 7
SET "bin\x00ary \xff\xfe" "\x00\x01\r\n$-1\r\n\xff"
SET aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa packed
SET soon x PX 86400000
SET later x PXAT 33297926400000
SETRANGE big 1048575 end
SETBIT bits 1000003 1
PFADD hll a b c d e f g
GEOADD places 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
RPUSH list a b c 1 2 300000 "\x00"
SADD ints 1 2 3 70000
SADD words one two three
ZADD scores 1 a 2.5 b -inf c +inf d 1e300 e
HSET hash f v n 1 "\xff" "\x00"
XADD stream 1-1 a b c d
XADD stream 2-1 a b
XADD stream 3-1 other field
XDEL stream 2-1
XGROUP CREATE stream group 0
XGROUP CREATE stream idle $
XREADGROUP GROUP group alice COUNT 1 STREAMS stream >
XREADGROUP GROUP group bob COUNT 1 STREAMS stream >
XACK stream group 1-1
XGROUP CREATECONSUMER stream group carol
EVAL "for i=1,3000 do redis.call('RPUSH','longlist','value '..i); redis.call('SADD','longset','m'..i); redis.call('ZADD','longzset',i/7,'m'..i); redis.call('HSET','longhash','f'..i,'v'..i); redis.call('XADD','longstream','*','i',i) end" 0
EVAL "for i=1,2000 do redis.call('SET','k:'..i,i) end" 0
`

// redisState shows all that is in a database. Sets and hashes have no order of their own, so theirs is sorted.
const redisState = `local out = {}
local cursor = '0'
repeat
	local page = redis.call('SCAN', cursor, 'COUNT', 1000)
	cursor = page[1]
	for _, k in ipairs(page[2]) do
		local kind = redis.call('TYPE', k)['ok']
		local v
		if kind == 'set' then v = redis.call('SMEMBERS', k) table.sort(v) v = redis.sha1hex(table.concat(v, '|'))
		elseif kind == 'hash' then
			local all, pairs = redis.call('HGETALL', k), {}
			for i = 1, #all, 2 do
				local ttl = ''
				if ARGV[1] == 'fields' then ttl = tostring(redis.call('HPEXPIRETIME', k, 'FIELDS', 1, all[i])[1]) end
				pairs[#pairs + 1] = all[i] .. '=' .. all[i + 1] .. '@' .. ttl
			end
			table.sort(pairs) v = redis.sha1hex(table.concat(pairs, '|'))
		elseif kind == 'vectorset' then -- its links are made anew when it is loaded
			v = redis.call('VRANDMEMBER', k, 100) table.sort(v)
			for i, m in ipairs(v) do v[i] = m .. table.concat(redis.call('VEMB', k, m), ',') end
			v = table.concat(v, '|')
		else v = redis.sha1hex(redis.call('DUMP', k)) end
		out[#out + 1] = kind .. ' ' .. redis.sha1hex(k) .. ' ' .. k:sub(1, 20):gsub('[^%w]', '.') .. ' ' .. redis.call('PEXPIRETIME', k) .. ' ' .. v
	end
until cursor == '0'
table.sort(out)
return table.concat(out, '\n')`

func (d redisServer) state(t testing.TB) string {
	t.Helper()
	fields := ""
	if d.version == "redis:8.0" {
		fields = "fields"
	}
	args := append([]string{"sh", "-c", `script=$1; fields=$2; shift 2
for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo "== $n =="; "$@" -n $n EVAL "$script" 0 "$fields"; done`, "sh", redisState, fields, enginetest.RedisClient(d.version)}, d.auth...)
	return d.Exec(t, args...) + "\nfunctions " + d.cli(t, 0, "FUNCTION LIST WITHCODE")
}

func (d redisServer) fill(t testing.TB) {
	t.Helper()
	said := d.cli(t, 0, redisFill)
	said += d.cli(t, 3, "SET other database\nSET gone x PX 86400000")
	said += d.cli(t, 15, "SET last database")
	args := append([]string{enginetest.RedisClient(d.version)}, d.auth...)
	d.Exec(t, append(args, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 42 end)\n")...)
	if d.version == "redis:8.0" {
		said += d.cli(t, 0, "HSET brief a 1 b 2 c 3\nHPEXPIREAT brief 33297926400000 FIELDS 1 a\nHPEXPIRE longhash 86400000 FIELDS 2 f1 f2\nVADD vectors VALUES 3 0.1 0.2 0.3 one\nVADD vectors VALUES 3 0.3 0.2 0.1 two")
	}
	if strings.Contains(said, "ERR") || strings.Contains(said, "NOAUTH") {
		t.Fatalf("fill: %s", said)
	}
}

func (d redisServer) damage(t testing.TB) {
	t.Helper()
	d.cli(t, 0, "DEL plain longset\nSET new one\nRENAME hash moved\nEXPIRE small 100000")
	d.cli(t, 7, "SET a-database that-came-later")
	d.cli(t, 3, "FLUSHDB")
	d.cli(t, 0, "FUNCTION FLUSH")
}

func (d redisServer) dump(t testing.TB, opt strategy.Options) []byte {
	t.Helper()
	var dump bytes.Buffer
	report, err := redisEntry(t).Strategy.Dump(t.Context(), d.port, opt, &dump)
	if err != nil {
		t.Fatal(err)
	}
	if report.EngineVersion == "" || len(report.Warnings) > 0 {
		t.Errorf("report %+v", report)
	}
	return dump.Bytes()
}

func (d redisServer) restore(t testing.TB, dump []byte, opt strategy.Options) strategy.Report {
	t.Helper()
	opt.Token, opt.Size = "r1", int64(len(dump))
	report, err := redisEntry(t).Strategy.Restore(t.Context(), d.port, opt, bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func proveRedis(t testing.TB, dump []byte) (strategy.Proof, error) {
	t.Helper()
	prover := redisEntry(t).Prover()
	if _, err := prover.Write(dump); err != nil {
		t.Fatal(err)
	}
	return prover.Proof()
}

func TestRedis_RestoresAllThatWasThere(t *testing.T) {
	for _, version := range enginetest.RedisVersions() {
		t.Run(version, func(t *testing.T) {
			d := startRedis(t, version, enginetest.RunOptions{})
			d.fill(t)
			want := d.state(t)
			dump := d.dump(t, strategy.Options{})
			proof, err := proveRedis(t, dump)
			if err != nil {
				t.Fatal(err)
			}
			if proof.Entries < 2020 || proof.Detail["db3"] != 2 || proof.Detail["db15"] != 1 || proof.Detail["functions"] != 1 {
				t.Errorf("proof %+v", proof)
			}
			t.Run("every truncation is broken", func(t *testing.T) { truncateRedis(t, dump) })
			t.Run("contract", func(t *testing.T) {
				strategytest.Run(t, strategytest.Source{
					Entry: redisEntry(t), Container: d.port, State: d.state, Damage: d.damage,
				})
			})
			t.Run("after everything was flushed", func(t *testing.T) {
				d.cli(t, 0, "FLUSHALL")
				d.restore(t, dump, strategy.Options{})
				if diff := cmp.Diff(want, d.state(t)); diff != "" {
					t.Errorf("restored state differs (-was +is):\n%s", diff)
				}
			})
			t.Run("into a fresh server with an append-only file", func(t *testing.T) { intoFreshAOF(t, version, dump, want) })
			t.Run("by hand", func(t *testing.T) {
				d.damage(t)
				enginetest.Shell(t, redisEntry(t).Recipe(strategy.Options{}), bytes.NewReader(dump), "CONTAINER="+d.Name)
				if diff := cmp.Diff(want, d.state(t)); diff != "" {
					t.Errorf("restored state differs (-was +is):\n%s", diff)
				}
			})
			t.Run("a restore that fails changes nothing", func(t *testing.T) { d.refuses(t, dump) })
		})
	}
}

func truncateRedis(t *testing.T, dump []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := random.IntN(len(dump))
		if _, err := proveRedis(t, dump[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes count as whole", n, len(dump))
		}
		broken := bytes.Clone(dump)
		broken[n] ^= 1 << (n % 8)
		if _, err := proveRedis(t, broken); err == nil {
			t.Fatalf("a dump with a bit turned at %d of %d counts as whole", n, len(dump))
		}
	}
	for name, b := range map[string][]byte{"without its last byte": dump[:len(dump)-1], "with one more": append(bytes.Clone(dump), 0)} {
		if _, err := proveRedis(t, b); err == nil {
			t.Errorf("a dump %s counts as whole", name)
		}
	}
}

// intoFreshAOF also starts the server anew: a state that is not in the append-only file would be gone.
func intoFreshAOF(t *testing.T, version string, dump []byte, want string) {
	d := startRedis(t, version, enginetest.RunOptions{
		Cmd: []string{serverOf(version), "--requirepass", "p4ss", "--appendonly", "yes", "--save", ""}}, "--no-auth-warning", "-a", "p4ss")
	d.cli(t, 0, "SET before x")
	d.restore(t, dump, strategy.Options{})
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
	d.cli(t, 0, "BGREWRITEAOF")
	enginetest.Docker(t, "restart", "--time", "20", d.Name)
	enginetest.WaitRedis(t, d.Container)
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("state after a restart differs (-was +is):\n%s", diff)
	}
	d.dump(t, strategy.Options{})
	if left := d.Exec(t, "sh", "-c", "ls /data"); left != "appendonlydir" {
		t.Errorf("left in the data folder of a server that never saves: %s", left)
	}
}

func serverOf(version string) string {
	return strings.Replace(enginetest.RedisClient(version), "-cli", "-server", 1)
}

// refuses gives it streams that must not be loaded.
func (d redisServer) refuses(t *testing.T, dump []byte) {
	d.damage(t)
	want := d.state(t)
	cause := errors.New("hash and proof do not agree")
	newer := append([]byte("REDIS0099"), dump[9:]...)
	for name, r := range map[string]io.Reader{
		"refused at its end":     io.MultiReader(bytes.NewReader(dump), failing{cause}),
		"cut short":              bytes.NewReader(dump[:len(dump)*2/3]),
		"of a newer engine":      bytes.NewReader(newer),
		"of another program":     strings.NewReader("CREATE TABLE t (a INT);"),
		"empty":                  strings.NewReader(""),
		"with a broken checksum": bytes.NewReader(append(bytes.Clone(dump[:len(dump)-1]), dump[len(dump)-1]^1)),
	} {
		_, err := redisEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r2"}, r)
		if err == nil || errors.Is(err, strategy.ErrOldStateGone) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "refused at its end" && !errors.Is(err, cause) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
}

func TestRedis_RestoreCancelledHalfWayIsUndone(t *testing.T) {
	d := startRedis(t, "redis:8.0", enginetest.RunOptions{})
	d.fill(t)
	dump, want := d.dump(t, strategy.Options{}), d.state(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := &halfway{r: bytes.NewReader(dump), left: len(dump) / 2, stop: cancel}
	if _, err := redisEntry(t).Strategy.Restore(ctx, d.port, strategy.Options{Token: "r1"}, stream); err == nil {
		t.Fatal("the restore says it is done")
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
}

// What an appliance that died had put beside the old state is known by its marker.
func TestRedis_RecoverRemovesOnlyWhatIsMarked(t *testing.T) {
	d := startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{})
	d.cli(t, 0, "SET mine x")
	d.cli(t, 14, "SET simpledeploy-backup:restore:other x")
	want := d.state(t)
	d.cli(t, 15, "SET simpledeploy-backup:restore:r1 x\nSET half restored")
	recoverer, ok := redisEntry(t).Strategy.(strategy.Recoverer)
	if !ok {
		t.Fatal("the strategy does not recover")
	}
	for range 2 {
		if err := recoverer.Recover(t.Context(), d.port, strategy.Options{Token: "r1"}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("state differs (-want +is):\n%s", diff)
	}
}

func TestRedis_WithoutRoomTheOldStateGoesFirst(t *testing.T) {
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{Cmd: []string{"--maxmemory", "6mb"}})
	d.fill(t)
	dump, want := d.dump(t, strategy.Options{}), d.state(t)
	d.damage(t)
	report, err := redisEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1", Size: 2 << 20}, bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "the old state was removed first") {
		t.Errorf("warnings %q", report.Warnings)
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
}

func TestRedis_KeysThatExpiredMeanwhileCountAsRestored(t *testing.T) {
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{})
	d.cli(t, 0, "SET stays x\nSET goes x PX 1500\nSET goes2 x PX 1500\nCONFIG SET save ''")
	dump := d.dump(t, strategy.Options{})
	proof, err := proveRedis(t, dump)
	if err != nil || proof.Entries != 3 {
		t.Fatalf("proof %+v, %v", proof, err)
	}
	d.Exec(t, "sleep", "2")
	report := d.restore(t, dump, strategy.Options{})
	if diff := cmp.Diff(proof, *report.Restored); diff != "" {
		t.Errorf("counted differs from the proof:\n%s", diff)
	}
	if len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0], "2 keys") {
		t.Errorf("warnings %q", report.Warnings)
	}
	if got := d.cli(t, 0, "DBSIZE"); got != "1" {
		t.Errorf("%s keys are there", got)
	}
}

func TestRedis_NodeOfACluster(t *testing.T) {
	d := startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{Cmd: []string{"--cluster-enabled", "yes"}})
	slots := func(from, to string) {
		d.cli(t, 0, "CLUSTER ADDSLOTSRANGE "+from+" "+to)
		d.Exec(t, "sh", "-c", "i=0; until valkey-cli CLUSTER INFO | grep -q cluster_state:ok; do i=$((i+1)); [ $i -lt 300 ] || exit 1; sleep 0.1; done")
	}
	d.cli(t, 0, "CONFIG SET cluster-require-full-coverage no")
	slots("0", "8000")
	d.cli(t, 0, "SET b x") // in slot 3300
	var dump bytes.Buffer
	report, err := redisEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, &dump)
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "one node of a cluster") {
		t.Fatalf("report %+v, %v", report, err)
	}
	d.cli(t, 0, "SET b y")
	_, err = redisEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r"}, bytes.NewReader(dump.Bytes()))
	if err == nil || errors.Is(err, strategy.ErrOldStateGone) || d.cli(t, 0, "GET b") != "y" {
		t.Errorf("into a node that has a part of the slots: %v", err)
	}
	slots("8001", "16383")
	d.cli(t, 0, "SET later x")
	report, err = redisEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r"}, bytes.NewReader(dump.Bytes()))
	if err != nil || report.Restored == nil || report.Restored.Entries != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	if got := d.cli(t, 0, "GET b\nDBSIZE"); got != "x\n1" {
		t.Errorf("restored: %q", got)
	}
}

func TestRedis_RestoreInPlaceThatBreaksOffIsNoSecret(t *testing.T) {
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{Cmd: []string{"--maxmemory", "6mb"}})
	d.fill(t)
	dump, want := d.dump(t, strategy.Options{}), d.state(t)
	opt := strategy.Options{Token: "r1", Size: 2 << 20}
	_, err := redisEntry(t).Strategy.Restore(t.Context(), d.port, opt, bytes.NewReader(dump[:len(dump)/2]))
	if !errors.Is(err, strategy.ErrOldStateGone) {
		t.Errorf("error: %v", err)
	}
	recoverer, ok := redisEntry(t).Strategy.(strategy.Recoverer)
	if !ok {
		t.Fatal("the strategy does not recover")
	}
	if err := recoverer.Recover(t.Context(), d.port, opt); !errors.Is(err, strategy.ErrOldStateGone) {
		t.Errorf("recover: %v", err)
	}
	d.restore(t, dump, strategy.Options{}) // the way out that the runner names
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
	if err := recoverer.Recover(t.Context(), d.port, opt); err != nil {
		t.Errorf("recover after a restore that went well: %v", err)
	}
}

// A writer moves money within transactions, so that every moment has the same sum.
func TestRedis_OneMomentUnderAWriter(t *testing.T) {
	d := startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{Cmd: []string{"--appendonly", "yes"}})
	d.cli(t, 0, "SET a 1000000\nEVAL \"for i=1,60000 do redis.call('SET','weight:'..i,string.rep('w',300)..i) end\" 0")
	d.Exec(t, "sh", "-c", `setsid valkey-benchmark -q -P 8 -c 4 -n 100000000 EVAL "redis.call('DECR','a') redis.call('INCR','z') redis.call('SET','weight:'..redis.call('GET','z')%60000,redis.call('GET','z'))" 0 >/dev/null 2>&1 &`)
	for i := 0; d.cli(t, 0, "EXISTS z") == "0" && i < 100; i++ {
		d.Exec(t, "sleep", "0.1")
	}
	before := d.cli(t, 0, "GET z")
	dump := d.dump(t, strategy.Options{})
	after := d.cli(t, 0, "GET z")
	d.Exec(t, "sh", "-c", `for f in /proc/[0-9]*/cmdline; do case "$(tr '\000' ' ' <$f)" in valkey-benchmark*) p=${f#/proc/}; kill -9 ${p%/cmdline} ;; esac; done`)
	if before == after {
		t.Fatal("nothing was written during the dump")
	}
	d.restore(t, dump, strategy.Options{})
	if got := d.cli(t, 0, `EVAL "return redis.call('GET','a')+redis.call('GET','z')" 0`); got != "1000000" {
		t.Errorf("the sum is %s: not one moment", got)
	}
}

func TestRedis_SlowReaderGetsOneFileThoughALaterSaveReplacesIt(t *testing.T) {
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{})
	d.cli(t, 0, "SET which first\nEVAL \"math.randomseed(1) for i=1,60 do local p={} for j=1,20000 do p[j]=math.random(1000000) end redis.call('SET','w'..i,table.concat(p)) end\" 0")
	var dump bytes.Buffer
	slow := &killer{kill: func() {
		d.cli(t, 0, "SET which second\nSAVE")
	}}
	if _, err := redisEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, io.MultiWriter(&dump, slow)); err != nil {
		t.Fatal(err)
	}
	d.restore(t, dump.Bytes(), strategy.Options{})
	if got := d.cli(t, 0, "GET which"); got != "first" {
		t.Errorf("the dump is of the %s save", got)
	}
}

func TestRedis_ContainerKilledMidDump(t *testing.T) {
	d := startRedis(t, "redis:8.0", enginetest.RunOptions{})
	d.cli(t, 0, "EVAL \"math.randomseed(1) for i=1,200 do local p={} for j=1,20000 do p[j]=math.random(1000000) end redis.call('SET','w'..i,table.concat(p)) end\" 0")
	var dump bytes.Buffer
	stop := &killer{kill: func() { enginetest.Docker(t, "kill", d.Name) }}
	if _, err := redisEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, io.MultiWriter(&dump, stop)); err == nil {
		t.Fatal("a dump of a killed server counts as done")
	}
	if _, err := proveRedis(t, dump.Bytes()); err == nil {
		t.Error("it is called whole")
	}
}
