package labels

import "testing"

func TestDetect(t *testing.T) {
	d := decoder(t)
	for image, want := range map[string]string{
		"postgres": "postgres", "postgres:17": "postgres", "docker.io/library/postgres:17-alpine": "postgres",
		"postgres@sha256:0000000000000000000000000000000000000000000000000000000000000000": "postgres",
		"localhost:5000/mirror/postgres:15":                                                "postgres",
		"registry.example.com:443/hub/postgres":                                            "postgres",
		"postgis/postgis:17-3.5":                                                           "postgres",
		"timescale/timescaledb:latest-pg17":                                                "postgres",
		"timescale/timescaledb-ha:pg17":                                                    "postgres",
		"pgvector/pgvector:pg17":                                                           "postgres",
		"bitnami/postgresql:17":                                                            "postgres",
		"ghcr.io/immich-app/postgres:14":                                                   "postgres",
		"supabase/postgres:15":                                                             "postgres",
		"mysql:8":                                                                          "mysql", "mariadb:11": "mysql", "mysql/mysql-server:8.0": "mysql", "percona:8": "mysql",
		"percona/percona-server:8.4": "mysql", "bitnami/mariadb:11": "mysql", "lscr.io/linuxserver/mariadb": "mysql",
		"mongo:7": "mongo", "mongodb/mongodb-community-server:7.0-ubi8": "mongo", "bitnami/mongodb": "mongo",
		"percona/percona-server-mongodb:7": "mongo",
		"redis:7-alpine":                   "redis", "valkey/valkey:8": "redis", "redis/redis-stack-server": "redis", "eqalpha/keydb": "redis",
		"docker.dragonflydb.io/dragonflydb/dragonfly": "redis",

		// what stands beside a database holds none of its data
		"prometheuscommunity/postgres-exporter": "", "bitnami/postgres-exporter": "", "wrouesnel/postgres_exporter": "",
		"prom/mysqld-exporter": "", "oliver006/redis_exporter": "", "bitnami/redis-exporter": "", "percona/mongodb_exporter": "",
		"percona/mongodb-exporter:0.40": "",
		"dpage/pgadmin4":                "", "phpmyadmin": "", "phpmyadmin/phpmyadmin": "", "adminer": "", "mongo-express:1": "",
		"redis/redisinsight": "", "rediscommander/redis-commander": "", "sosedoff/pgweb": "",
		"edoburu/pgbouncer": "", "bitnami/pgbouncer": "", "bitnami/pgpool": "", "proxysql/proxysql": "", "mysql/mysql-router:8": "",
		"mariadb/maxscale": "", "bitnami/redis-sentinel": "", "haproxy": "", "ghcr.io/cloudnative-pg/postgresql-operator": "",
		"prodrigestivill/postgres-backup-local": "", "schickling/postgres-backup-s3": "", "databack/mysql-backup": "",
		"nginx": "", "shop-db": "", "shop-postgres-client": "", "mypostgres": "", "": "", "postgres/": "",
		"sha256:0000000000000000000000000000000000000000000000000000000000000000": "", "0123456789ab": "",
	} {
		if got, _ := d.detect(image); got.Name != want {
			t.Errorf("%q is detected as %q, want %q", image, got.Name, want)
		}
	}
}

func TestDetect_WidePatternNeverTakesWhatStandsBeside(t *testing.T) {
	d := decoder(t, func(c *Config) {
		c.Strategies = []Strategy{{Name: "postgres", Images: []string{"*postgres*", "acme/pg-*"}}}
	})
	for image, want := range map[string]string{
		"acme/my-postgres": "postgres", "acme/pg-main": "postgres", "other/pg-main": "",
		"postgres-exporter": "", "postgres_exporter": "", "postgres-admin": "", "acme/pg-proxy": "",
	} {
		if got, _ := d.detect(image); got.Name != want {
			t.Errorf("%q is detected as %q, want %q", image, got.Name, want)
		}
	}
}
