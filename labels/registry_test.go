package labels

import (
	"testing"
	"time"
	_ "time/tzdata"
)

// registry is what the program's own registry tells the decoder, all engines included.
func registry() []Strategy {
	return []Strategy{
		{Name: "postgres", Aliases: []string{"postgresql"}, Available: true, Images: []string{
			"postgres", "postgresql", "postgresql-repmgr", "postgis", "pgvector", "timescaledb", "timescaledb-ha", "pgvecto-rs",
			"supabase/postgres", "percona-distribution-postgresql", "paradedb",
		}},
		{Name: "mysql", Aliases: []string{"mariadb"}, Available: true, Images: []string{
			"mysql", "mariadb", "mysql-server", "mariadb-galera", "percona", "percona-server", "percona-xtradb-cluster",
		}},
		{Name: "mongo", Images: []string{
			"mongo", "mongodb", "mongodb-community-server", "mongodb-enterprise-server", "percona-server-mongodb",
		}},
		{Name: "redis", Images: []string{"redis", "redis-stack", "redis-stack-server", "valkey", "keydb", "dragonfly"}},
		{Name: "sqlite", Files: true},
		{Name: "volume", Available: true, Files: true},
		{Name: "exec", Available: true},
	}
}

func config() Config {
	return Config{
		Strategies: registry(), Targets: []string{"local", "offsite", "b2"}, MinInterval: time.Minute,
	}
}

func decoder(t *testing.T, change ...func(*Config)) *Decoder {
	t.Helper()
	cfg := config()
	for _, c := range change {
		c(&cfg)
	}
	d, err := NewDecoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// compose is a container as Compose makes it, with the labels of ours given as key, value, key, value.
func compose(service, image string, pairs ...string) Container {
	c := Container{
		ID: "id-" + service, Name: "shop-" + service + "-1", Image: image,
		Labels: map[string]string{
			composeProject: "shop", composeService: service, composeNumber: "1", composeOneoff: "False",
			composeWorkingDir: "/srv/shop",
		},
	}
	for i := 0; i < len(pairs); i += 2 {
		c.Labels["simpledeploy.backup."+pairs[i]] = pairs[i+1]
	}
	return c
}

func with(c Container, mounts ...Mount) Container {
	c.Mounts = mounts
	return c
}

func volumeAt(destination string) Mount {
	return Mount{Type: "volume", Name: "shop_data", Destination: destination, ReadWrite: true}
}

// one decodes a single container.
func one(t *testing.T, d *Decoder, c Container) Service {
	t.Helper()
	services := d.Decode([]Container{c})
	if len(services) != 1 {
		t.Fatalf("decoded %d services, want 1", len(services))
	}
	return services[0]
}

// refused are the names of the jobs that are declared and do not run.
func refused(svc Service) []string {
	var names []string
	for _, r := range svc.Refused {
		names = append(names, r.Name)
	}
	return names
}

// only is the one problem that was found.
func only(t *testing.T, svc Service) Problem {
	t.Helper()
	if len(svc.Problems) != 1 {
		t.Fatalf("found %d problems, want 1: %+v", len(svc.Problems), svc.Problems)
	}
	if len(svc.Jobs) != 0 {
		t.Fatalf("a problem must refuse the job, got %+v", svc.Jobs)
	}
	return svc.Problems[0]
}
