package strategy_test

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// oldTools makes the tools behave like those before they could read a configuration.
const oldTools = `for t in mongodump mongorestore mongoimport; do
	p=$(command -v $t) || continue
	mv "$p" "$p-new"
	printf '%s\n' '#!/bin/sh' 'case "$*" in *--help*) "$0-new" --help | grep -v -- --config ;; *--config*) echo "unknown option config" >&2; exit 1 ;; *) exec "$0-new" "$@" ;; esac' >"$p"
	chmod 755 "$p"
done`

func TestMongo_FindsTheWayInAndShowsNoSecret(t *testing.T) {
	const secret = "p w$x'\"\\#ö: {"
	folder := secretFiles(t, map[string]string{"secret": secret + "\n"})
	byValue := []string{"MONGO_INITDB_ROOT_USERNAME=bob", "MONGO_INITDB_ROOT_PASSWORD=" + secret, "SAME=" + secret}
	cases := map[string]struct {
		env []string
		opt strategy.Options
		old bool
	}{
		"in a variable":                    {byValue, strategy.Options{}, false},
		"in a file that a variable names":  {[]string{"MONGO_INITDB_ROOT_USERNAME=bob", "MONGO_INITDB_ROOT_PASSWORD_FILE=/extra/secret"}, strategy.Options{}, false},
		"in a variable that a label names": {byValue, strategy.Options{User: "bob", PasswordEnv: "SAME"}, false},
		"in a file that a label names":     {byValue, strategy.Options{PasswordFile: "/extra/secret"}, false},
		"tools that read no configuration": {byValue, strategy.Options{}, true},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			c := enginetest.StartMongo(t, enginetest.RunOptions{Env: tt.env, Volumes: []string{folder + ":/extra:ro"}})
			d := mongoServer{c, port.New(t, c), mongoClient(t, c, "bob", secret)}
			if tt.old {
				d.Exec(t, "sh", "-c", oldTools)
			}
			d.heavy(t)
			want := d.state(t)
			var shown []string
			look := func() { shown = append(shown, d.Exec(t, "sh", "-c", lookAtProcesses)) }
			w := &strategytest.Watched{Container: d.port}
			var dump bytes.Buffer
			if _, err := mongoEntry(t).Strategy.Dump(t.Context(), w, tt.opt, io.MultiWriter(&dump, strategytest.After(20_000, look))); err != nil {
				t.Fatal(err)
			}
			if err := d.client.Database("shop").Collection("heavy").Drop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := mongoEntry(t).Strategy.Restore(t.Context(), w, tt.opt, strategytest.Halfway(dump.Bytes(), dump.Len()/2, look)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, d.state(t)); diff != "" {
				t.Errorf("restored state differs (-was +is):\n%s", diff)
			}
			if len(shown) != 2 {
				t.Fatalf("the tools were seen at work %d times", len(shown))
			}
			for _, s := range append(shown, w.Shown()) {
				if strings.Contains(s, "p w$x") {
					t.Errorf("the password is shown:\n%s", s)
				}
			}
			for i, tool := range []string{"mongodump", "mongorestore"} {
				if !regexp.MustCompile(`(?m)^\S*` + tool + `\S* .*--username=bob`).MatchString(shown[i]) {
					t.Errorf("%s was not seen at work:\n%s", tool, shown[i])
				}
			}
		})
	}
}

func TestMongo_RefusalsSayWhatToDo(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{Env: []string{
		"MONGO_INITDB_ROOT_USERNAME=" + enginetest.MongoUser, "MONGO_INITDB_ROOT_PASSWORD=" + enginetest.MongoPassword, "OTHER=wr0ng",
	}})
	d.fill(t)
	bare := startMongo(t, enginetest.RunOptions{})
	bare.Exec(t, "sh", "-c", "rm $(command -v mongodump)")
	cases := map[string]struct {
		d    mongoServer
		opt  strategy.Options
		says string
	}{
		"wrong password":             {d, strategy.Options{PasswordEnv: "OTHER"}, "uthentication failed"},
		"variable that is not there": {d, strategy.Options{PasswordEnv: "NONE"}, "no variable NONE"},
		"no variable's name":         {d, strategy.Options{PasswordEnv: "A;reboot"}, "is not the name of a variable"},
		"file that is not there":     {d, strategy.Options{PasswordFile: "/none"}, "/none cannot be read"},
		"user without a password":    {d, strategy.Options{User: "someone"}, "someone needs a password"},
		"a database that is nowhere": {d, strategy.Options{Databases: []string{"nope"}}, `"nope"`},
		"several, one nowhere":       {d, strategy.Options{Databases: []string{"shop", "nope"}}, `"nope"`},
		"the server's own":           {d, strategy.Options{Databases: []string{"local"}}, "the server's own"},
		"no tool in the image":       {bare, strategy.Options{}, "mongodump is not in this image"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			var dump bytes.Buffer
			_, err := mongoEntry(t).Strategy.Dump(t.Context(), tt.d.port, tt.opt, &dump)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
	if _, err := mongoEntry(t).Strategy.Restore(t.Context(), bare.port, strategy.Options{}, bytes.NewReader(nil)); err == nil {
		t.Error("a restore of nothing counts as done")
	}
}

// rival writes all the time: counter b follows counter a, so at one moment they are equal or b is one behind.
func (d mongoServer) rival(t testing.TB, going context.Context) <-chan error {
	done := make(chan error, 1)
	a, b := d.client.Database("a1").Collection("counter"), d.client.Database("z9").Collection("counter")
	d.insert(t, "a1", "counter", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: int64(0)}})
	d.insert(t, "z9", "counter", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: int64(0)}})
	go func() {
		up := bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}}
		var err error
		for going.Err() == nil && err == nil {
			for _, c := range []*mongodriver.Collection{a, b} {
				if err == nil {
					_, err = c.UpdateByID(context.WithoutCancel(going), 1, up)
				}
			}
		}
		done <- err
	}()
	return done
}

func (d mongoServer) counters(t testing.TB) (a, b int64) {
	t.Helper()
	read := func(db string) int64 {
		var doc struct{ N int64 }
		if err := d.client.Database(db).Collection("counter").FindOne(t.Context(), bson.D{}).Decode(&doc); err != nil {
			t.Fatal(err)
		}
		return doc.N
	}
	return read("a1"), read("z9")
}

// A server that stands alone has no one moment, but a writer must not break its dumps either.
func TestMongo_WriterDuringTheDump(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.fill(t)
	want := d.state(t)
	d.heavy(t)
	going, stop := context.WithCancel(t.Context())
	wrote := d.rival(t, going)
	dump, report := d.dump(t, strategy.Options{})
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "not at one moment") {
		t.Errorf("warnings: %q", report.Warnings)
	}
	stop()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if _, err := proveMongo(t, dump); err != nil {
		t.Fatal(err)
	}
	report = d.restore(t, dump, strategy.Options{})
	if a, b := d.counters(t); a == 0 || b == 0 || report.Restored == nil {
		t.Errorf("counters %d and %d, report %+v", a, b, report)
	}
	for _, db := range []string{"a1", "z9"} {
		if err := d.client.Database(db).Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.client.Database("shop").Collection("heavy").Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
}

// startReplicaSet skips when the server knows no such thing.
func startReplicaSet(t *testing.T) mongoServer {
	t.Helper()
	c := enginetest.StartMongo(t, enginetest.RunOptions{
		Env: []string{"MONGO_INITDB_ROOT_USERNAME="}, Cmd: []string{"mongod", "--replSet", "rs0", "--bind_ip_all"}})
	client, err := mongodriver.Connect(options.Client().SetHosts([]string{enginetest.MongoAddress(t, c)}).SetDirect(true).SetServerSelectionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	hello := func(ctx context.Context) (reply struct {
		SetName           string
		IsWritablePrimary bool
	}, err error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return reply, client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&reply)
	}
	enginetest.WaitMongo(t, c, func(ctx context.Context) error { _, err := hello(ctx); return err })
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: "127.0.0.1:27017"}}}}}
	if err := client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "replSetInitiate", Value: config}}).Err(); err != nil {
		t.Skipf("this server knows no replica sets: %v", err)
	}
	enginetest.WaitMongo(t, c, func(ctx context.Context) error {
		reply, err := hello(ctx)
		if err == nil && !reply.IsWritablePrimary {
			err = io.ErrNoProgress
		}
		return err
	})
	return mongoServer{c, port.New(t, c), client}
}

func TestMongo_OneMomentOfAReplicaSetUnderAWriter(t *testing.T) {
	d := startReplicaSet(t)
	d.heavy(t)
	going, stop := context.WithCancel(t.Context())
	wrote := d.rival(t, going)
	before, _ := d.counters(t)
	dump, report := d.dump(t, strategy.Options{})
	after, _ := d.counters(t)
	stop()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if before == after || len(report.Warnings) > 0 {
		t.Fatalf("%d to %d was written during the dump; warnings %q", before, after, report.Warnings)
	}
	if _, err := proveMongo(t, dump); err != nil {
		t.Fatal(err)
	}
	truncateMongo(t, dump)
	d.restore(t, dump, strategy.Options{})
	if a, b := d.counters(t); a-b < 0 || a-b > 1 || a <= before {
		t.Errorf("the counters are %d and %d, and were at least %d: not one moment", a, b, before)
	}
	alone := startMongo(t, enginetest.RunOptions{})
	alone.restore(t, dump, strategy.Options{})
	if a, b := alone.counters(t); a-b < 0 || a-b > 1 {
		t.Errorf("the counters are %d and %d on a server that stands alone: not one moment", a, b)
	}
}

func TestMongo_TLSOnly(t *testing.T) {
	folder := t.TempDir()
	enginetest.Shell(t, `cd "$FOLDER" && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=test >/dev/null 2>&1 && cat key.pem cert.pem >both.pem && chmod 755 . && chmod 644 *.pem`, nil, "FOLDER="+folder)
	c := enginetest.StartMongo(t, enginetest.RunOptions{Volumes: []string{folder + ":/tls:ro"},
		Cmd: []string{"mongod", "--bind_ip_all", "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", "/tls/both.pem", "--tlsCAFile", "/tls/cert.pem"}})
	opt := options.Client().ApplyURI("mongodb://" + enginetest.MongoAddress(t, c) + "/?directConnection=true&tls=true&tlsInsecure=true&tlsCertificateKeyFile=" + folder + "/both.pem").
		SetServerSelectionTimeout(time.Second).SetAuth(options.Credential{Username: enginetest.MongoUser, Password: enginetest.MongoPassword, AuthSource: "admin"})
	client, err := mongodriver.Connect(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	plain, err := mongodriver.Connect(options.Client().SetHosts([]string{enginetest.MongoAddress(t, c)}).SetDirect(true).SetServerSelectionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Disconnect(context.WithoutCancel(t.Context())) })
	answersPlainly := false
	enginetest.WaitMongo(t, c, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := client.ListDatabaseNames(ctx, bson.D{})
		if err != nil && plain.Ping(ctx, nil) == nil {
			answersPlainly = true
			return nil
		}
		return err
	})
	if answersPlainly {
		t.Skip("this server takes no TLS options of mongod")
	}
	d := mongoServer{c, port.New(t, c), client}
	d.fill(t)
	want := d.state(t)
	dump, _ := d.dump(t, strategy.Options{})
	d.damage(t)
	d.restore(t, dump, strategy.Options{})
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
}
