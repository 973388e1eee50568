package enginetest

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// MongoImage is the image that TEST_MONGO_IMAGE names: one with a server that speaks MongoDB's protocol, mongodump and
// mongorestore, honouring MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD. Debian has no MongoDB, so without
// the variable, and without an official image on the engine, the test is skipped.
func MongoImage(t testing.TB) string {
	t.Helper()
	Require(t)
	if image := os.Getenv("TEST_MONGO_IMAGE"); image != "" {
		return image
	}
	t.Skip("needs a MongoDB image: set TEST_MONGO_IMAGE, to mongo:8 for instance")
	return ""
}

// MongoUser and MongoPassword are the first account, unless a test's environment says otherwise.
const (
	MongoUser     = "root"
	MongoPassword = "s3cret p'w"
)

// StartMongo starts a server and waits until it takes connections. Its port is published on the loopback interface.
func StartMongo(t testing.TB, opt RunOptions) *Container {
	t.Helper()
	opt.Image = MongoImage(t)
	given := func(env string) bool { return strings.HasPrefix(env, "MONGO_INITDB_ROOT_") }
	if !slices.ContainsFunc(opt.Env, given) {
		opt.Env = append(opt.Env, "MONGO_INITDB_ROOT_USERNAME="+MongoUser, "MONGO_INITDB_ROOT_PASSWORD="+MongoPassword)
	}
	opt.Args = append(opt.Args, "--publish", "127.0.0.1::27017")
	return Run(t, opt)
}

// MongoAddress is where the server can be reached from the host.
func MongoAddress(t testing.TB, c *Container) string {
	t.Helper()
	address, _, _ := strings.Cut(Docker(t, "port", c.Name, "27017/tcp"), "\n")
	return address
}

// WaitMongo asks until the server answers: a first server of the entrypoint's, which makes the account, listens on the
// container's own loopback interface only.
func WaitMongo(t testing.TB, c *Container, ask func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("wait for the server in %s: %v\n%s", c.Name, err, tail(c.Logs(t)))
		}
	}
}
