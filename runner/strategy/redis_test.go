package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// redisServer is one server, Redis or Valkey.
type redisServer struct {
	*enginetest.Container
	strategytest.Source
	version string
	auth    []string // arguments of the test's own client
}

func startRedis(t testing.TB, version string, opt enginetest.RunOptions, auth ...string) redisServer {
	t.Helper()
	c := enginetest.StartRedis(t, version, opt)
	d := redisServer{Container: c, version: version, auth: auth}
	d.Source = strategytest.Source{
		Entry: strategytest.Entry(t, "redis"), Container: port.New(t, c),
		State: d.state, Damage: d.damage, Hand: byHand(c),
		Restart: func(t testing.TB) {
			enginetest.Docker(t, "restart", "--time", "20", c.Name)
			enginetest.WaitRedis(t, c)
		},
	}
	return d
}

// redisRows differ in how the server keeps its data, and in who may speak to it.
func redisRows() []row {
	return []row{
		{"redis 7.0, saved to a file, into an append-only one with a password", func(t testing.TB) strategytest.Source {
			d := startRedis(t, "redis:7.0", enginetest.RunOptions{})
			return d.filled(t, func(t testing.TB) redisServer {
				fresh := startRedis(t, "redis:7.0", enginetest.RunOptions{Cmd: []string{"redis-server", "--requirepass", "p4ss", "--appendonly", "yes", "--save", ""}}, "--no-auth-warning", "-a", "p4ss")
				fresh.cli(t, 0, "SET before x")
				fresh.Leftovers = fresh.neverSaves
				return fresh
			})
		}},
		{"redis 8.0, an append-only file and a password, into one that saves to a file", func(t testing.TB) strategytest.Source {
			d := startRedis(t, "redis:8.0", enginetest.RunOptions{Cmd: []string{"--requirepass", "p4ss", "--appendonly", "yes"}}, "--no-auth-warning", "-a", "p4ss")
			d.Hand = byHand(d.Container, "REDISCLI_AUTH=p4ss")
			return d.filled(t, func(t testing.TB) redisServer { return startRedis(t, "redis:8.0", enginetest.RunOptions{}) })
		}},
		{"valkey 8.1, a user of its own, into one with an append-only file", func(t testing.TB) strategytest.Source {
			d := startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{
				Env: []string{"KEEPER=k33per"}, Cmd: []string{"--requirepass", "p4ss", "--user", "keeper", "on", ">k33per", "~*", "&*", "+@all"},
			}, "--no-auth-warning", "-a", "p4ss")
			d.Options = strategy.Options{User: "keeper", PasswordEnv: "KEEPER"}
			return d.filled(t, func(t testing.TB) redisServer {
				return startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{Cmd: []string{"--appendonly", "yes"}})
			})
		}},
	}
}

// filled completes a row.
func (d redisServer) filled(t testing.TB, fresh func(testing.TB) redisServer) strategytest.Source {
	t.Helper()
	d.fill(t)
	d.Secrets = []string{"p4ss", "k33per"}
	d.Fresh = func(t testing.TB) strategytest.Source { return fresh(t).Source }
	d.Writer = d.writer()
	return d.Source
}

// neverSaves takes a dump of a server that never saves, and tells what else than its append-only file is there then.
func (d redisServer) neverSaves(t testing.TB) string {
	t.Helper()
	d.Dump(t)
	return strings.TrimSpace(strings.ReplaceAll(d.Exec(t, "ls", "/data"), "appendonlydir", ""))
}

// writer moves money from one key to another in a script.
func (d redisServer) writer() *strategytest.Writer {
	const move = "redis.call('DECR','a') redis.call('INCR','z') redis.call('SET','weight:'..redis.call('GET','z')%60000,redis.call('GET','z'))"
	benchmark := strings.Replace(enginetest.RedisClient(d.version), "-cli", "-benchmark", 1)
	auth := slices.DeleteFunc(slices.Clone(d.auth), func(arg string) bool { return arg == "--no-auth-warning" })
	return &strategytest.Writer{
		Start: func(t testing.TB) {
			d.cli(t, 0, "SET a 1000000\nSET z 0\nEVAL \"for i=1,60000 do redis.call('SET','weight:'..i,string.rep('w',300)..i) end\" 0")
			args := append([]string{"sh", "-c", `echo $$ >/tmp/writer; exec "$@"`, "sh", benchmark, "-q", "-P", "8", "-c", "4", "-n", "100000000"}, auth...)
			background(t, d.Container, append(args, "EVAL", move, "0")...)
		},
		Stop: func(t testing.TB) { d.Exec(t, "sh", "-c", "kill $(cat /tmp/writer)") },
		Done: func(t testing.TB) string { return d.cli(t, 0, "GET z") },
		Sum: func(t testing.TB) string {
			return d.cli(t, 0, `EVAL "return redis.call('GET','a')+redis.call('GET','z')" 0`)
		},
	}
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

// restoreOf gives it a stream as the runner would.
func (d redisServer) restoreOf(t testing.TB, ctx context.Context, opt strategy.Options, r io.Reader) (strategy.Report, error) {
	t.Helper()
	opt.Token = "r1"
	return d.Entry.Strategy.Restore(ctx, d.Source.Container, opt, r)
}

func TestRedis_ProofKnowsEveryBit(t *testing.T) {
	t.Parallel()
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{})
	d.fill(t)
	dump, proof := d.Dump(t)
	if proof.Entries < 2020 || proof.Detail["db3"] != 2 || proof.Detail["db15"] != 1 || proof.Detail["functions"] != 1 {
		t.Errorf("proof %+v", proof)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := random.IntN(len(dump))
		broken := bytes.Clone(dump)
		broken[n] ^= 1 << (n % 8)
		if _, err := strategytest.Prove(d.Entry, broken); err == nil {
			t.Fatalf("a dump with a bit turned at %d of %d counts as whole", n, len(dump))
		}
	}
	if _, err := strategytest.Prove(d.Entry, append(bytes.Clone(dump), 0)); err == nil {
		t.Error("a dump with one more byte counts as whole")
	}
	t.Run("a restore that fails changes nothing", func(t *testing.T) { d.refuses(t, dump) })
}

// refuses gives it streams that must not be loaded.
func (d redisServer) refuses(t *testing.T, dump []byte) {
	d.damage(t)
	want := d.state(t)
	cause := errors.New("hash and proof do not agree")
	newer := append([]byte("REDIS0099"), dump[9:]...)
	for name, r := range map[string]io.Reader{
		"refused at its end":     strategytest.Refused(dump, cause),
		"cut short":              bytes.NewReader(dump[:len(dump)*2/3]),
		"of a newer engine":      bytes.NewReader(newer),
		"of another program":     strings.NewReader("CREATE TABLE t (a INT);"),
		"empty":                  strings.NewReader(""),
		"with a broken checksum": bytes.NewReader(append(bytes.Clone(dump[:len(dump)-1]), dump[len(dump)-1]^1)),
	} {
		_, err := d.restoreOf(t, t.Context(), strategy.Options{}, r)
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
	t.Parallel()
	d := startRedis(t, "redis:8.0", enginetest.RunOptions{})
	d.fill(t)
	dump, _ := d.Dump(t)
	want := d.state(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := strategytest.Halfway(dump, len(dump)/2, cancel)
	if _, err := d.restoreOf(t, ctx, strategy.Options{}, stream); err == nil {
		t.Fatal("the restore says it is done")
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
}

// What an appliance that died had put beside the old state is known by its marker.
func TestRedis_RecoverRemovesOnlyWhatIsMarked(t *testing.T) {
	t.Parallel()
	d := startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{})
	d.cli(t, 0, "SET mine x")
	d.cli(t, 14, "SET simpledeploy-backup:restore:other x")
	want := d.state(t)
	d.cli(t, 15, "SET simpledeploy-backup:restore:r1 x\nSET half restored")
	recoverer, ok := d.Entry.Strategy.(strategy.Recoverer)
	if !ok {
		t.Fatal("the strategy does not recover")
	}
	for range 2 {
		if err := recoverer.Recover(t.Context(), d.Source.Container, strategy.Options{Token: "r1"}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("state differs (-want +is):\n%s", diff)
	}
}

func TestRedis_WithoutRoomTheOldStateGoesFirst(t *testing.T) {
	t.Parallel()
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{Cmd: []string{"--maxmemory", "6mb"}})
	d.fill(t)
	dump, _ := d.Dump(t)
	want := d.state(t)
	d.damage(t)
	report, err := d.restoreOf(t, t.Context(), strategy.Options{Size: 2 << 20}, bytes.NewReader(dump))
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
	t.Parallel()
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{})
	d.cli(t, 0, "SET stays x\nSET goes x PX 1500\nSET goes2 x PX 1500\nCONFIG SET save ''")
	dump, proof := d.Dump(t)
	if proof.Entries != 3 {
		t.Fatalf("proof %+v", proof)
	}
	d.Exec(t, "sleep", "2")
	report := d.Restore(t, dump)
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
	t.Parallel()
	d := startRedis(t, "valkey/valkey:8.1", enginetest.RunOptions{Cmd: []string{"--cluster-enabled", "yes"}})
	slots := func(from, to string) {
		d.cli(t, 0, "CLUSTER ADDSLOTSRANGE "+from+" "+to)
		d.Exec(t, "sh", "-c", "i=0; until valkey-cli CLUSTER INFO | grep -q cluster_state:ok; do i=$((i+1)); [ $i -lt 300 ] || exit 1; sleep 0.1; done")
	}
	d.cli(t, 0, "CONFIG SET cluster-require-full-coverage no")
	slots("0", "8000")
	d.cli(t, 0, "SET b x") // in slot 3300
	var dump bytes.Buffer
	report, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, &dump)
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "one node of a cluster") {
		t.Fatalf("report %+v, %v", report, err)
	}
	d.cli(t, 0, "SET b y")
	_, err = d.restoreOf(t, t.Context(), strategy.Options{}, bytes.NewReader(dump.Bytes()))
	if err == nil || errors.Is(err, strategy.ErrOldStateGone) || d.cli(t, 0, "GET b") != "y" {
		t.Errorf("into a node that has a part of the slots: %v", err)
	}
	slots("8001", "16383")
	d.cli(t, 0, "SET later x")
	report, err = d.restoreOf(t, t.Context(), strategy.Options{}, bytes.NewReader(dump.Bytes()))
	if err != nil || report.Restored == nil || report.Restored.Entries != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	if got := d.cli(t, 0, "GET b\nDBSIZE"); got != "x\n1" {
		t.Errorf("restored: %q", got)
	}
}

func TestRedis_RestoreInPlaceThatBreaksOffIsNoSecret(t *testing.T) {
	t.Parallel()
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{Cmd: []string{"--maxmemory", "6mb"}})
	d.fill(t)
	dump, _ := d.Dump(t)
	want := d.state(t)
	opt := strategy.Options{Token: "r1", Size: 2 << 20}
	_, err := d.Entry.Strategy.Restore(t.Context(), d.Source.Container, opt, bytes.NewReader(dump[:len(dump)/2]))
	if !errors.Is(err, strategy.ErrOldStateGone) {
		t.Errorf("error: %v", err)
	}
	recoverer, ok := d.Entry.Strategy.(strategy.Recoverer)
	if !ok {
		t.Fatal("the strategy does not recover")
	}
	if err := recoverer.Recover(t.Context(), d.Source.Container, opt); !errors.Is(err, strategy.ErrOldStateGone) {
		t.Errorf("recover: %v", err)
	}
	d.Restore(t, dump) // the way out that the runner names
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
	if err := recoverer.Recover(t.Context(), d.Source.Container, opt); err != nil {
		t.Errorf("recover after a restore that went well: %v", err)
	}
}

func TestRedis_SlowReaderGetsOneFileThoughALaterSaveReplacesIt(t *testing.T) {
	t.Parallel()
	d := startRedis(t, "redis:7.0", enginetest.RunOptions{})
	d.cli(t, 0, "SET which first\nEVAL \"math.randomseed(1) for i=1,60 do local p={} for j=1,20000 do p[j]=math.random(1000000) end redis.call('SET','w'..i,table.concat(p)) end\" 0")
	var dump bytes.Buffer
	slow := strategytest.After(20_000, func() { d.cli(t, 0, "SET which second\nSAVE") })
	if _, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, io.MultiWriter(&dump, slow)); err != nil {
		t.Fatal(err)
	}
	d.Restore(t, dump.Bytes())
	if got := d.cli(t, 0, "GET which"); got != "first" {
		t.Errorf("the dump is of the %s save", got)
	}
}

func TestRedis_ContainerKilledMidDump(t *testing.T) {
	t.Parallel()
	d := startRedis(t, "redis:8.0", enginetest.RunOptions{})
	d.cli(t, 0, "EVAL \"math.randomseed(1) for i=1,200 do local p={} for j=1,20000 do p[j]=math.random(1000000) end redis.call('SET','w'..i,table.concat(p)) end\" 0")
	var dump bytes.Buffer
	stop := strategytest.After(20_000, func() { enginetest.Docker(t, "kill", d.Name) })
	if _, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, io.MultiWriter(&dump, stop)); err == nil {
		t.Fatal("a dump of a killed server counts as done")
	}
	if _, err := strategytest.Prove(d.Entry, dump.Bytes()); err == nil {
		t.Error("it is called whole")
	}
}
