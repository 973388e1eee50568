package strategy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
)

// Each kind of collection, as far as the server knows it, comes back as what it was.
func TestMongo_KindsOfCollections(t *testing.T) {
	validator := bson.D{{Key: "$jsonSchema", Value: bson.D{{Key: "required", Value: bson.A{"n"}}}}}
	kinds := map[string]struct {
		create bson.D
		docs   []any
	}{
		"view":        {bson.D{{Key: "create", Value: "it"}, {Key: "viewOn", Value: "base"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 1}}}}}}}}}, nil},
		"capped":      {bson.D{{Key: "create", Value: "it"}, {Key: "capped", Value: true}, {Key: "size", Value: 1 << 20}, {Key: "max", Value: 100}}, []any{bson.D{{Key: "_id", Value: 3}}, bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "_id", Value: 2}}}},
		"time series": {bson.D{{Key: "create", Value: "it"}, {Key: "timeseries", Value: bson.D{{Key: "timeField", Value: "at"}, {Key: "metaField", Value: "of"}}}}, []any{bson.D{{Key: "at", Value: time.Unix(1e9, 0)}, {Key: "of", Value: "a"}, {Key: "v", Value: 1.5}}}},
		"validator":   {bson.D{{Key: "create", Value: "it"}, {Key: "validator", Value: validator}, {Key: "validationLevel", Value: "strict"}}, []any{bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}}}},
		"collation":   {bson.D{{Key: "create", Value: "it"}, {Key: "collation", Value: bson.D{{Key: "locale", Value: "de"}, {Key: "strength", Value: 2}}}}, []any{bson.D{{Key: "_id", Value: "ä"}}}},
		"clustered":   {bson.D{{Key: "create", Value: "it"}, {Key: "clusteredIndex", Value: bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true}}}}, []any{bson.D{{Key: "_id", Value: 1}}}},
	}
	d := startMongo(t, enginetest.RunOptions{})
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			db := strings.ReplaceAll(name, " ", "-")
			d.insert(t, db, "base", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}}, bson.D{{Key: "_id", Value: 2}, {Key: "n", Value: 2}})
			if !d.offers(t, db, kind.create) {
				t.Skipf("this server knows no collections of the kind %s", name)
			}
			if kind.docs != nil {
				d.insert(t, db, "it", kind.docs...)
			}
			want := d.state(t)
			dump, _ := d.dump(t, strategy.Options{})
			proof, err := proveMongo(t, dump)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.client.Database(db).Drop(t.Context()); err != nil {
				t.Fatal(err)
			}
			report := d.restore(t, dump, strategy.Options{})
			if diff := cmp.Diff(want, d.state(t)); diff != "" {
				t.Errorf("restored state differs (-was +is):\n%s", diff)
			}
			if diff := cmp.Diff(&proof, report.Restored); diff != "" {
				t.Errorf("counted differs from the proof:\n%s", diff)
			}
		})
	}
}

func TestMongo_Indexes(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.fill(t)
	index := func(name string, key bson.D, more ...bson.E) bson.D {
		spec := append(bson.D{{Key: "key", Value: key}, {Key: "name", Value: name}, {Key: "ns", Value: "shop.orders"}}, more...) // as mongorestore writes it
		return bson.D{{Key: "createIndexes", Value: "orders"}, {Key: "indexes", Value: bson.A{spec}}}
	}
	if !d.offers(t, "shop", index("by customer", bson.D{{Key: "customer", Value: 1}, {Key: "total", Value: -1}})) {
		t.Skip("this server takes no indexes as mongorestore writes them")
	}
	d.command(t, "shop", index("unique", bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}, bson.E{Key: "unique", Value: true}))
	d.offers(t, "shop", index("some", bson.D{{Key: "total", Value: 1}}, bson.E{Key: "partialFilterExpression", Value: bson.D{{Key: "total", Value: bson.D{{Key: "$gt", Value: 5}}}}}))
	d.offers(t, "shop", index("words", bson.D{{Key: "customer", Value: "text"}}))
	want := d.state(t)
	dump, _ := d.dump(t, strategy.Options{})
	if err := d.client.Database("shop").Collection("orders").Indexes().DropAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.restore(t, dump, strategy.Options{})
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
}

// A document that is older than the rule that it breaks must come back all the same.
func TestMongo_DocumentsOlderThanTheirValidator(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.insert(t, "rules", "it", bson.D{{Key: "_id", Value: 1}})
	rule := bson.D{{Key: "collMod", Value: "it"}, {Key: "validator", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$exists", Value: true}}}}}}
	if !d.offers(t, "rules", rule) {
		t.Skip("this server knows no validators")
	}
	want := d.state(t)
	dump, _ := d.dump(t, strategy.Options{})
	if err := d.client.Database("rules").Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.restore(t, dump, strategy.Options{})
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
}

// What the server deletes by itself once it is old must not make a restore a failed one.
func TestMongo_ExpiredDocumentsAreNoDifference(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.insert(t, "sessions", "it", bson.D{{Key: "_id", Value: 1}, {Key: "at", Value: time.Now().Add(-time.Hour)}}, bson.D{{Key: "_id", Value: 2}, {Key: "at", Value: time.Now().Add(time.Hour)}})
	index := bson.D{{Key: "createIndexes", Value: "it"}, {Key: "indexes", Value: bson.A{bson.D{{Key: "key", Value: bson.D{{Key: "at", Value: 1}}}, {Key: "name", Value: "old"}, {Key: "expireAfterSeconds", Value: 7200}}}}}
	if !d.offers(t, "sessions", index) {
		t.Skip("this server knows no documents that expire")
	}
	dump, _ := d.dump(t, strategy.Options{})
	report := d.restore(t, dump, strategy.Options{})
	proof, err := proveMongo(t, dump)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&proof, report.Restored); diff != "" {
		t.Errorf("counted differs from the proof:\n%s", diff)
	}
}

func TestMongo_UsersAndRoles(t *testing.T) {
	d := startMongo(t, enginetest.RunOptions{})
	d.insert(t, "shop", "orders", bson.D{{Key: "_id", Value: 1}})
	role := bson.D{{Key: "createRole", Value: "reader"}, {Key: "privileges", Value: bson.A{bson.D{{Key: "resource", Value: bson.D{{Key: "db", Value: "shop"}, {Key: "collection", Value: "orders"}}}, {Key: "actions", Value: bson.A{"find"}}}}}, {Key: "roles", Value: bson.A{}}}
	if !d.offers(t, "shop", role) {
		t.Skip("this server knows no roles of one's own")
	}
	d.command(t, "admin", bson.D{{Key: "createUser", Value: "clerk"}, {Key: "pwd", Value: "cl3rk"}, {Key: "roles", Value: bson.A{bson.D{{Key: "role", Value: "reader"}, {Key: "db", Value: "shop"}}}}})
	dump, _ := d.dump(t, strategy.Options{})
	d.command(t, "admin", bson.D{{Key: "dropUser", Value: "clerk"}})
	d.command(t, "shop", bson.D{{Key: "dropRole", Value: "reader"}})
	d.command(t, "admin", bson.D{{Key: "createUser", Value: "later"}, {Key: "pwd", Value: "x"}, {Key: "roles", Value: bson.A{}}})
	report := d.restore(t, dump, strategy.Options{})
	if said := strings.Join(report.Warnings, "\n"); !strings.Contains(said, "root keeps its own password") {
		t.Errorf("warnings: %q", report.Warnings)
	}
	clerk := mongoServer{d.Container, port.New(t, d.Container), mongoClient(t, d.Container, "clerk", "cl3rk")}
	if err := clerk.client.Database("shop").Collection("orders").FindOne(t.Context(), bson.D{}).Err(); err != nil {
		t.Errorf("the user cannot do what he could: %v", err)
	}
	var users struct{ Users []struct{ User string } }
	if err := d.client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "usersInfo", Value: 1}}).Decode(&users); err != nil {
		t.Fatal(err)
	}
	if len(users.Users) != 2 {
		t.Errorf("users after the restore: %+v", users.Users)
	}
	t.Run("a fresh server with another password", func(t *testing.T) {
		c := enginetest.StartMongo(t, enginetest.RunOptions{Env: []string{"MONGO_INITDB_ROOT_USERNAME=" + enginetest.MongoUser, "MONGO_INITDB_ROOT_PASSWORD=an0ther"}})
		fresh := mongoServer{c, port.New(t, c), mongoClient(t, c, enginetest.MongoUser, "an0ther")}
		if report := fresh.restore(t, dump, strategy.Options{}); report.Restored == nil {
			t.Errorf("nothing was counted: %q", report.Warnings)
		}
		mongoClient(t, c, enginetest.MongoUser, "an0ther")
		mongoClient(t, c, "clerk", "cl3rk")
	})
	t.Run("an account that may only back up", func(t *testing.T) {
		d.command(t, "admin", bson.D{{Key: "createUser", Value: "keeper"}, {Key: "pwd", Value: "k33per"}, {Key: "roles", Value: bson.A{"backup"}}})
		d.Exec(t, "sh", "-c", "printf k33per >/tmp/keeper; chmod 644 /tmp/keeper")
		dump, report := d.dump(t, strategy.Options{User: "keeper", PasswordFile: "/tmp/keeper"})
		if proof, err := proveMongo(t, dump); err != nil || proof.Rows != 1 || len(report.Warnings) != 1 {
			t.Errorf("proof %+v, %v, warnings %q", proof, err, report.Warnings)
		}
	})
	t.Run("an account that sees one database says so", func(t *testing.T) {
		d.command(t, "admin", bson.D{{Key: "createUser", Value: "narrow"}, {Key: "pwd", Value: "narr0w"}, {Key: "roles", Value: bson.A{bson.D{{Key: "role", Value: "readWrite"}, {Key: "db", Value: "shop"}}}}})
		d.Exec(t, "sh", "-c", "printf narr0w >/tmp/narrow; chmod 644 /tmp/narrow")
		opt := strategy.Options{User: "narrow", PasswordFile: "/tmp/narrow", Databases: []string{"shop"}}
		dump, _ := d.dump(t, opt)
		if proof, err := proveMongo(t, dump); err != nil || proof.Rows != 1 {
			t.Errorf("proof %+v, %v", proof, err)
		}
		_, report := d.dump(t, strategy.Options{User: "narrow", PasswordFile: "/tmp/narrow"})
		if said := strings.Join(report.Warnings, "\n"); !strings.Contains(said, "users and their roles are not in the backup") {
			t.Errorf("warnings: %q", report.Warnings)
		}
	})
}
