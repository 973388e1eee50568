package strategy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

func mongoEntry(t testing.TB) strategy.Entry { return strategytest.Entry(t, "mongo") }

// mongoServer is one server with the test's own way to it: an image need not have a shell for MongoDB.
type mongoServer struct {
	*enginetest.Container
	port   strategy.Container
	client *mongodriver.Client
}

func startMongo(t testing.TB, opt enginetest.RunOptions) mongoServer {
	t.Helper()
	c := enginetest.StartMongo(t, opt)
	return mongoServer{c, port.New(t, c), mongoClient(t, c, enginetest.MongoUser, enginetest.MongoPassword)}
}

func mongoClient(t testing.TB, c *enginetest.Container, user, password string) *mongodriver.Client {
	t.Helper()
	opt := options.Client().SetHosts([]string{enginetest.MongoAddress(t, c)}).SetDirect(true).SetServerSelectionTimeout(time.Second).SetTimeout(time.Minute)
	if user != "" {
		opt.SetAuth(options.Credential{Username: user, Password: password, AuthSource: "admin"})
	}
	client, err := mongodriver.Connect(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	enginetest.WaitMongo(t, c, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := client.ListDatabaseNames(ctx, bson.D{})
		return err
	})
	return client
}

// command runs one in a database.
func (d mongoServer) command(t testing.TB, db string, cmd bson.D) {
	t.Helper()
	if err := d.client.Database(db).RunCommand(t.Context(), cmd).Err(); err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
}

// offers says whether the server knows a command; another server than MongoDB's own need not know all.
func (d mongoServer) offers(t testing.TB, db string, cmd bson.D) bool {
	t.Helper()
	err := d.client.Database(db).RunCommand(t.Context(), cmd).Err()
	if err != nil {
		t.Logf("the server does not take %v: %v", cmd, err)
	}
	return err == nil
}

func (d mongoServer) insert(t testing.TB, db, collection string, docs ...any) {
	t.Helper()
	if _, err := d.client.Database(db).Collection(collection).InsertMany(t.Context(), docs); err != nil {
		t.Fatalf("insert into %s.%s: %v", db, collection, err)
	}
}

// fill makes two databases with what a backup may stumble over.
func (d mongoServer) fill(t testing.TB) {
	t.Helper()
	var orders []any
	for i := range 905 {
		orders = append(orders, bson.D{{Key: "_id", Value: int64(i)}, {Key: "customer", Value: fmt.Sprintf("customer %d 🦆", i%50)}, {Key: "total", Value: float64(i) / 7},
			{Key: "lines", Value: bson.A{bson.D{{Key: "sku", Value: "a"}, {Key: "n", Value: int32(i)}}, nil}}, {Key: "at", Value: bson.NewDateTimeFromTime(time.Unix(int64(i)*1e6, 0))}})
	}
	d.insert(t, "shop", "orders", orders...)
	d.insert(t, "shop", "odd values",
		bson.D{{Key: "_id", Value: bson.NewObjectIDFromTimestamp(time.Unix(1, 0))}, {Key: "none", Value: nil}, {Key: "yes", Value: true}, {Key: "empty", Value: ""}, {Key: "nested", Value: bson.D{{Key: "deeper", Value: bson.D{{Key: "deepest", Value: bson.A{}}}}}}},
		bson.D{{Key: "_id", Value: "emoji 👩‍👩‍👧"}, {Key: "text", Value: "line\nbreak \x01 \"quote\" 'quote' \\"}, {Key: "emoji 🦆 key", Value: "x"}},
		bson.D{{Key: "_id", Value: int32(7)}, {Key: "binary", Value: bson.Binary{Data: []byte{0, 255, 1, 0xff, 0xff, 0xff, 0xff}}}, {Key: "largest", Value: int64(1<<53 - 1)}},
		bson.D{{Key: "_id", Value: "large"}, {Key: "text", Value: strings.Repeat("megabyte", 1<<17)}},
		bson.D{{Key: "_id", Value: "large binary"}, {Key: "binary", Value: bson.Binary{Data: bytes.Repeat([]byte{0, 1, 2, 255}, 1<<18)}}},
	)
	d.tryInsert(t, bson.D{{Key: "_id", Value: "pattern"}, {Key: "pattern", Value: bson.Regex{Pattern: "^a.*b$", Options: "i"}}})
	d.tryInsert(t, bson.D{{Key: "_id", Value: "money"}, {Key: "decimal", Value: mustDecimal(t, "12345678901234567890.123456789")}})
	d.tryInsert(t, bson.D{{Key: "_id", Value: "stamp"}, {Key: "stamp", Value: bson.Timestamp{T: 5, I: 6}}})
	d.command(t, "shop", bson.D{{Key: "create", Value: "empty"}})
	d.insert(t, "Archive-2", "things", bson.D{{Key: "_id", Value: 1}, {Key: "a", Value: "b"}}, bson.D{{Key: "_id", Value: 2}})
}

// tryInsert is for values that another server than MongoDB's own may not know.
func (d mongoServer) tryInsert(t testing.TB, doc bson.D) {
	t.Helper()
	if _, err := d.client.Database("shop").Collection("odd values").InsertOne(t.Context(), doc); err != nil {
		t.Logf("the server does not take %v: %v", doc, err)
	}
}

func mustDecimal(t testing.TB, text string) bson.Decimal128 {
	t.Helper()
	value, err := bson.ParseDecimal128(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// state tells every document, index and option of every database that is not the server's own.
func (d mongoServer) state(t testing.TB) string {
	t.Helper()
	names, err := d.client.ListDatabaseNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		if name == "admin" || name == "local" || name == "config" {
			continue
		}
		db := d.client.Database(name)
		cursor, err := db.ListCollections(t.Context(), bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		var specs []struct {
			Name    string
			Type    string
			Options bson.Raw
		}
		if err := cursor.All(t.Context(), &specs); err != nil {
			t.Fatal(err)
		}
		for _, spec := range specs {
			if strings.HasPrefix(spec.Name, "system.") {
				continue
			}
			out = append(out, fmt.Sprintf("%s.%s %s %s", name, spec.Name, spec.Type, fields(t, spec.Options)))
			if spec.Type != "view" {
				out = append(out, mongoContent(t, db.Collection(spec.Name), spec.Type == "collection")...)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// mongoContent is a line for each document and index of a collection.
func mongoContent(t testing.TB, c *mongodriver.Collection, indexed bool) (out []string) {
	t.Helper()
	cursor, err := c.Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close(t.Context())
	where := c.Database().Name() + "." + c.Name()
	for cursor.Next(t.Context()) {
		out = append(out, fmt.Sprintf("%s document %s %x", where, cursor.Current.Lookup("_id"), sha256.Sum256(cursor.Current)))
	}
	if cursor.Err() != nil {
		t.Fatal(cursor.Err())
	}
	if !indexed {
		return out
	}
	var indexes []bson.Raw
	if cursor, err = c.Indexes().List(t.Context()); err == nil {
		err = cursor.All(t.Context(), &indexes)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range indexes {
		out = append(out, fmt.Sprintf("%s index %s", where, fields(t, index)))
	}
	return out
}

// fields shows a document without the order of its fields, which options of indexes do not keep.
func fields(t testing.TB, doc bson.Raw) string {
	t.Helper()
	var out []string
	if len(doc) > 0 {
		elements, err := doc.Elements()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range elements {
			out = append(out, e.String())
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// damage is what a later version of the application and a bad day do.
func (d mongoServer) damage(t testing.TB) {
	t.Helper()
	shop := d.client.Database("shop")
	_, err := shop.Collection("orders").DeleteMany(t.Context(), bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: int64(100)}}}})
	_, err2 := shop.Collection("orders").UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "customer", Value: "lost"}}}})
	if err := errors.Join(err, err2, shop.Collection("empty").Drop(t.Context()), d.client.Database("Archive-2").Drop(t.Context())); err != nil {
		t.Fatal(err)
	}
	d.insert(t, "shop", "orders", bson.D{{Key: "_id", Value: "new"}})
}

// later is what came after a backup.
func (d mongoServer) later(t testing.TB) {
	t.Helper()
	d.insert(t, "shop", "came later", bson.D{{Key: "_id", Value: 1}})
	d.insert(t, "later", "database", bson.D{{Key: "_id", Value: 1}})
}

func (d mongoServer) dump(t testing.TB, opt strategy.Options) ([]byte, strategy.Report) {
	t.Helper()
	var dump bytes.Buffer
	report, err := mongoEntry(t).Strategy.Dump(t.Context(), d.port, opt, &dump)
	if err != nil {
		t.Fatal(err)
	}
	if report.EngineVersion == "" {
		t.Errorf("report %+v", report)
	}
	return dump.Bytes(), report
}

func (d mongoServer) restore(t testing.TB, dump []byte, opt strategy.Options) strategy.Report {
	t.Helper()
	opt.Token, opt.Size = "r1", int64(len(dump))
	report, err := mongoEntry(t).Strategy.Restore(t.Context(), d.port, opt, bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func proveMongo(t testing.TB, dump []byte) (strategy.Proof, error) {
	t.Helper()
	prover := mongoEntry(t).Prover()
	if _, err := prover.Write(dump); err != nil {
		t.Fatal(err)
	}
	return prover.Proof()
}
