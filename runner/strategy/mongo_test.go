package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// mongoRows is a row without a version: the image that is given has the one that counts.
func mongoRows() []row {
	return []row{{"mongo", func(t testing.TB) strategytest.Source {
		d := startMongo(t, enginetest.RunOptions{})
		d.fill(t)
		s := d.source(t)
		s.Fresh = func(t testing.TB) strategytest.Source { return startMongo(t, enginetest.RunOptions{}).source(t) }
		return s
	}}}
}

func (d mongoServer) source(t testing.TB) strategytest.Source {
	return strategytest.Source{Entry: mongoEntry(t), Container: d.port, State: d.state, Damage: d.damage, Secrets: []string{enginetest.MongoPassword}}
}

func TestMongo_RestoresAllThatWasThere(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.fill(t)
	want := d.state(t)
	dump, _ := d.dump(t, strategy.Options{})
	proof, err := proveMongo(t, dump)
	if err != nil {
		t.Fatal(err)
	}
	counted := maps.Clone(proof.Detail)
	delete(counted, "shop.odd values") // as many as the server takes
	if diff := cmp.Diff(map[string]int64{"shop.orders": 905, "shop.empty": 0, "Archive-2.things": 2}, counted); diff != "" {
		t.Errorf("proof differs (-want +got):\n%s", diff)
	}
	t.Run("after damage", func(t *testing.T) {
		d.damage(t)
		report := d.restore(t, dump, strategy.Options{})
		if diff := cmp.Diff(want, d.state(t)); diff != "" {
			t.Errorf("restored state differs (-was +is):\n%s", diff)
		}
		if report.Restored == nil {
			t.Fatalf("nothing was counted: %q", report.Warnings)
		}
		if diff := cmp.Diff(proof, *report.Restored); diff != "" {
			t.Errorf("counted differs from the proof:\n%s", diff)
		}
	})
	t.Run("what came later is gone", func(t *testing.T) {
		needsImport(t, d)
		d.later(t)
		report := d.restore(t, dump, strategy.Options{})
		if diff := cmp.Diff(want, d.state(t)); diff != "" {
			t.Errorf("restored state differs (-was +is):\n%s", diff)
		}
		if diff := cmp.Diff(&proof, report.Restored); diff != "" {
			t.Errorf("counted differs from the proof:\n%s", diff)
		}
	})
	t.Run("by hand", func(t *testing.T) {
		named, _ := d.dump(t, strategy.Options{Databases: []string{"shop", "Archive-2"}}) // accounts of other servers than MongoDB's own do not come back
		d.damage(t)
		enginetest.Shell(t, mongoEntry(t).Recipe(strategy.Options{}), bytes.NewReader(named), "CONTAINER="+d.Name)
		if diff := cmp.Diff(want, d.state(t)); diff != "" {
			t.Errorf("restored state differs (-was +is):\n%s", diff)
		}
	})
	t.Run("every truncation is broken", func(t *testing.T) { truncateMongo(t, dump) })
	t.Run("refused before anything is changed", func(t *testing.T) { d.refuses(t, dump) })
}

func needsImport(t *testing.T, d mongoServer) {
	t.Helper()
	if _, err := d.TryExec(t.Context(), nil, "sh", "-c", "command -v mongoimport"); err != nil {
		t.Skip("mongoimport is not in this image: what came after a backup stays")
	}
}

func truncateMongo(t *testing.T, dump []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := random.IntN(len(dump))
		if _, err := proveMongo(t, dump[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes count as whole", n, len(dump))
		}
	}
	for name, b := range map[string][]byte{
		"without its last byte": dump[:len(dump)-1], "with one more": append(bytes.Clone(dump), 0),
		"without its last block": dump[:bytes.LastIndex(dump[:len(dump)-4], []byte{0xff, 0xff, 0xff, 0xff})+4],
	} {
		if _, err := proveMongo(t, b); err == nil {
			t.Errorf("a dump %s counts as whole", name)
		}
	}
}

// refuses gives it what is no dump for it.
func (d mongoServer) refuses(t *testing.T, dump []byte) {
	want := d.state(t)
	for name, stream := range map[string][]byte{
		"of another program": []byte("DROP DATABASE shop;\n"), "empty": nil, "cut in what it announces": dump[:300],
	} {
		_, err := mongoEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, bytes.NewReader(stream))
		if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
}

func TestMongo_NamedDatabasesOnly(t *testing.T) {
	for name, names := range map[string][]string{"one": {"shop"}, "several": {"shop", "Archive-2"}} {
		t.Run(name, func(t *testing.T) {
			d := startMongo(t, enginetest.RunOptions{})
			d.fill(t)
			want := d.state(t)
			d.insert(t, "other", "things", bson.D{{Key: "_id", Value: 1}})
			opt := strategy.Options{Databases: names}
			dump, report := d.dump(t, opt)
			proof, err := proveMongo(t, dump)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := proof.Detail["other.things"]; ok || proof.Detail["shop.orders"] != 905 {
				t.Errorf("proof %+v", proof)
			}
			if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "without the oplog") {
				t.Errorf("warnings: %q", report.Warnings)
			}
			truncateMongo(t, dump)
			if name == "several" {
				d.damage(t)
			} else if err := d.client.Database("shop").Collection("orders").Drop(t.Context()); err != nil {
				t.Fatal(err)
			}
			restored := d.restore(t, dump, opt).Restored
			if diff := cmp.Diff(&proof, restored); diff != "" {
				t.Errorf("counted differs from the proof:\n%s", diff)
			}
			is := d.state(t)
			if !strings.Contains(is, "other.things document") {
				t.Error("a database that nobody named was touched")
			}
			if err := d.client.Database("other").Drop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, d.state(t)); diff != "" {
				t.Errorf("restored state differs (-was +is):\n%s", diff)
			}
			_, err = mongoEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Databases: []string{"other"}}, bytes.NewReader(dump))
			if err == nil || !strings.Contains(err.Error(), "only other is to be restored") {
				t.Errorf("a dump of other databases: %v", err)
			}
		})
	}
}

func TestMongo_FindsTheNamedDatabasesThatAreThere(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	finder := mongoEntry(t).Strategy.(strategy.Finder)
	names := strategy.Options{Databases: []string{"nowhere", "shop", "blog"}}
	find := func(want ...string) {
		t.Helper()
		found, err := finder.Find(t.Context(), d.port, names)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("found (-want +is):\n%s", diff)
		}
	}
	find()
	d.insert(t, "blog", "posts", bson.D{{Key: "_id", Value: 1}})
	find("blog")
	d.insert(t, "shop", "orders", bson.D{{Key: "_id", Value: 1}})
	find("shop", "blog")
	stranger := names
	stranger.User, stranger.PasswordEnv = "nobody", "PATH"
	if found, err := finder.Find(t.Context(), d.port, stranger); err == nil {
		t.Errorf("somebody whom the server does not know finds %q", found)
	}
}

func TestMongo_StreamThatEndsBadlyIsNoSuccess(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.fill(t)
	want := d.state(t)
	dump, _ := d.dump(t, strategy.Options{})
	cause := errors.New("the stored hash does not agree")
	for name, r := range map[string]io.Reader{
		"refused at its end": strategytest.Refused(dump, cause),
		"cut short":          bytes.NewReader(dump[:len(dump)-10]),
		"cut at a block":     bytes.NewReader(dump[:bytes.LastIndex(dump[:len(dump)-4], []byte{0xff, 0xff, 0xff, 0xff})+4]),
	} {
		_, err := mongoEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{}, r)
		if err == nil {
			t.Errorf("%s: the restore says it is done", name)
		}
		if name == "refused at its end" && !errors.Is(err, cause) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := mongoEntry(t).Strategy.Restore(ctx, d.port, strategy.Options{}, strategytest.Halfway(dump, len(dump)/2, cancel)); err == nil {
		t.Error("a restore that was called off says it is done")
	}
	d.restore(t, dump, strategy.Options{}) // the way out that the runner names
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("a second restore does not bring everything back:\n%s", diff)
	}
}

func TestMongo_ContainerKilledMidDump(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.heavy(t)
	d.dumpBreaks(t, func() { enginetest.Docker(t, "kill", d.Name) })
}

// The engine tells the ends of a container's commands one after the other, and that of the dump only when somebody
// reads its output: so nobody waits for the command that kills it.
func TestMongo_ToolKilledMidDump(t *testing.T) {
	flags := t.TempDir()
	if err := os.Chmod(flags, 0o777); err != nil {
		t.Fatal(err)
	}
	d := startMongo(t, enginetest.RunOptions{Volumes: []string{flags + ":/flags"}})
	d.heavy(t)
	background(t, d.Container, "sh", "-c", `until [ -e /flags/now ]; do sleep 0.05; done
for f in /proc/[0-9]*/cmdline; do case "$(tr '\000' ' ' <$f)" in mongodump*) p=${f#/proc/}; kill -9 ${p%/cmdline} && touch /flags/killed ;; esac; done`)
	d.dumpBreaks(t, func() {
		if err := os.WriteFile(flags+"/now", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		strategytest.Until(t, "the tool is killed", func() bool { _, err := os.Stat(flags + "/killed"); return err == nil })
	})
}

// dumpBreaks does something in the middle of a dump that must not survive it.
func (d mongoServer) dumpBreaks(t *testing.T, do func()) {
	t.Helper()
	var dump bytes.Buffer
	if _, err := mongoEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, io.MultiWriter(&dump, strategytest.After(20_000, do))); err == nil {
		t.Fatal("a dump that was killed counts as done")
	}
	if _, err := proveMongo(t, dump.Bytes()); err == nil {
		t.Error("it is called whole")
	}
}

// heavy is more than fits into the pipes between server and us.
func (d mongoServer) heavy(t testing.TB) {
	t.Helper()
	noise := rand.NewChaCha8([32]byte{})
	for batch := range 8 {
		var docs []any
		for i := range 8 {
			data := make([]byte, 512<<10)
			_, _ = noise.Read(data)
			docs = append(docs, bson.D{{Key: "_id", Value: batch*8 + i}, {Key: "data", Value: bson.Binary{Data: data}}})
		}
		d.insert(t, "shop", "heavy", docs...)
	}
}

// archiveOf writes an archive of one collection, shop.twice, by hand.
func archiveOf(t *testing.T, docs ...bson.D) []byte {
	t.Helper()
	marshal := func(doc bson.D) []byte {
		b, err := bson.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var body []byte
	for _, doc := range docs {
		body = append(body, marshal(doc)...)
	}
	block := func(end bool, crc int64) []byte {
		return marshal(bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: "twice"}, {Key: "EOF", Value: end}, {Key: "CRC", Value: crc}})
	}
	stop := []byte{0xff, 0xff, 0xff, 0xff}
	return slices.Concat([]byte{0x6d, 0xe2, 0x99, 0x81},
		marshal(bson.D{{Key: "concurrent_collections", Value: int32(4)}, {Key: "version", Value: "0.1"}, {Key: "server_version", Value: "7.0.0"}, {Key: "tool_version", Value: "100.0.0"}}),
		marshal(bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: "twice"}, {Key: "metadata", Value: ""}, {Key: "size", Value: int32(0)}, {Key: "type", Value: "collection"}}), stop,
		block(false, 0), body, stop, block(true, int64(crc64.Checksum(body, crc64.MakeTable(crc64.ECMA)))), stop)
}

// A document that is written while a server that stands alone is dumped may come twice. The backup must not be lost
// for that.
func TestMongo_DocumentThatIsTwiceInTheBackup(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	dump := archiveOf(t, bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "_id", Value: 2}}, bson.D{{Key: "_id", Value: 1}, {Key: "moved", Value: true}})
	proof, err := proveMongo(t, dump)
	if err != nil || proof.Rows != 3 {
		t.Fatalf("proof %+v, %v", proof, err)
	}
	report := d.restore(t, dump, strategy.Options{Databases: []string{"shop"}})
	if diff := cmp.Diff(&proof, report.Restored); diff != "" {
		t.Errorf("counted differs from the proof:\n%s", diff)
	}
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "1 documents are twice") {
		t.Errorf("warnings: %q", report.Warnings)
	}
	if n, err := d.client.Database("shop").Collection("twice").CountDocuments(t.Context(), bson.D{}); n != 2 || err != nil {
		t.Errorf("%d documents, %v", n, err)
	}
}
