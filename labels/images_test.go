package labels_test

import (
	"testing"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
)

// detected is what the program's own registry makes of an image that has a volume.
func detected(t *testing.T, image string) string {
	t.Helper()
	var known []labels.Strategy
	for _, e := range strategy.Builtin() {
		known = append(known, labels.Strategy{Name: e.Name, Aliases: e.Aliases, Images: e.Images, Available: e.Available, Files: e.Files})
	}
	d, err := labels.NewDecoder(labels.Config{Strategies: known, Targets: []string{"local"}})
	if err != nil {
		t.Fatal(err)
	}
	services := d.Decode([]labels.Container{{ID: "1", Name: "c", Image: image}})
	if len(services) != 1 {
		t.Fatalf("%s: decoded %d services", image, len(services))
	}
	return services[0].Detected
}

func TestBuiltin_KnowsTheImagesThatPeopleRun(t *testing.T) {
	for want, images := range map[string][]string{
		"postgres": {
			"postgres", "postgres:18-alpine", "library/postgres:17", "public.ecr.aws/docker/library/postgres:16", "mcr.microsoft.com/k8se/services/postgres:14",
			"postgis/postgis:17-3.5", "imresamu/postgis:16-3.4", "kartoza/postgis:17", "timescale/timescaledb:latest-pg17", "timescale/timescaledb-ha:pg17",
			"pgvector/pgvector:pg18", "ankane/pgvector", "tensorchord/pgvecto-rs:pg16-v0.3.0", "tensorchord/vchord-postgres:pg18-v1.1.1",
			"ghcr.io/tensorchord/vchord-suite:pg17-20250620", "ghcr.io/immich-app/postgres:16-vectorchord0.5.3-pgvector0.8.1",
			"supabase/postgres:17.4.1.054", "public.ecr.aws/supabase/postgres:15.8", "bitnami/postgresql:17", "bitnamilegacy/postgresql:16",
			"bitnamisecure/postgresql:latest", "bitnami/postgresql-repmgr:17", "ghcr.io/cloudnative-pg/postgresql:18", "cgr.dev/chainguard/postgres",
			"percona/percona-distribution-postgresql:17", "registry.opensource.zalan.do/acid/spilo-16:3.3-p2", "ghcr.io/zalando/spilo-17:4.0-p2",
			"registry.developers.crunchydata.com/crunchydata/crunchy-postgres:ubi9-17.5-0", "quay.io/sclorg/postgresql-16-c9s",
			"registry.redhat.io/rhel9/postgresql-16:latest", "citusdata/citus:13", "apache/age", "paradedb/paradedb", "groonga/pgroonga:4.0.1-debian-17",
			"pgautoupgrade/pgautoupgrade:17-alpine", "clkao/postgres-plv8", "nextcloud/aio-postgresql", "zulip/zulip-postgresql:14", "sameersbn/postgresql",
			"arm64v8/postgres:17", "debezium/postgres:17", "cimg/postgres:16.4",
		},
		"mysql": {
			"mysql", "mysql:9.5", "mariadb:12", "mysql/mysql-server:8.0", "container-registry.oracle.com/mysql/community-server:9.4",
			"container-registry.oracle.com/mysql/enterprise-server:8.4", "bitnami/mysql:9", "bitnamilegacy/mariadb:11", "bitnami/mariadb-galera",
			"percona:8", "percona/percona-server:8.4", "percona/percona-xtradb-cluster:8.4", "lscr.io/linuxserver/mariadb", "ubuntu/mysql:8.0-24.04_beta",
			"yobasystems/alpine-mariadb", "jbergstroem/mariadb-alpine", "quay.io/sclorg/mariadb-1011-c9s", "registry.redhat.io/rhel9/mysql-80", "arm64v8/mariadb",
		},
		"mongo": {"mongo", "mongo:8", "mongodb/mongodb-community-server:8.0-ubi9", "mongodb/mongodb-enterprise-server", "bitnami/mongodb:8.0", "percona/percona-server-mongodb:8.0", "mongodb/mongodb-atlas-local:8", "bitnami/mongodb-sharded", "quay.io/sclorg/mongodb-36-centos7"},
		"redis": {
			"redis", "redis:8-alpine", "redis/redis-stack", "redis/redis-stack-server:7.4.0-v6", "bitnami/redis:8.2", "bitnami/redis-cluster", "redislabs/redismod",
			"valkey/valkey:9", "valkey/valkey-bundle:9", "bitnami/valkey", "bitnami/valkey-cluster", "eqalpha/keydb", "quay.io/fedora/redis-7",
			"docker.dragonflydb.io/dragonflydb/dragonfly", "cgr.dev/chainguard/valkey", "public.ecr.aws/docker/library/redis:7",
		},
		// what stands beside a database, and what only bears its name
		"": {
			"prometheuscommunity/postgres-exporter", "quay.io/prometheuscommunity/postgres-exporter", "bitnami/postgres-exporter", "wrouesnel/postgres_exporter",
			"burningalchemist/sql_exporter", "prom/mysqld-exporter", "bitnami/mysqld-exporter", "oliver006/redis_exporter", "bitnami/redis-exporter", "percona/mongodb_exporter",
			"bitnami/mongodb-exporter", "ssheehy/mongodb-exporter", "prometheuscommunity/elasticsearch-exporter", "bitnami/valkey-exporter",
			"dpage/pgadmin4", "thajeztah/pgadmin4", "phpmyadmin", "phpmyadmin/phpmyadmin", "bitnami/phpmyadmin", "lscr.io/linuxserver/phpmyadmin", "adminer", "dbeaver/cloudbeaver",
			"mongo-express:1", "redis/redisinsight", "redislabs/redisinsight", "rediscommander/redis-commander", "ghcr.io/joeferner/redis-commander", "sosedoff/pgweb",
			"erikdubbelboer/phpredisadmin", "drumsergio/mongoku", "supabase/postgres-meta:v0.91", "postgrest/postgrest", "supabase/studio", "supavisor", "supabase/supavisor",
			"edoburu/pgbouncer", "bitnami/pgbouncer", "bitnami/pgpool", "pgpool/pgpool", "ghcr.io/postgresml/pgcat", "proxysql/proxysql", "percona/proxysql2",
			"container-registry.oracle.com/mysql/community-router:9.4", "mysql/mysql-router:8.0", "mariadb/maxscale", "bitnami/redis-sentinel", "bitnami/valkey-sentinel",
			"haproxy", "percona/haproxy", "envoyproxy/envoy", "malexer/twemproxy", "percona/pmm-server", "percona/percona-postgresql-operator:2.7.0",
			"container-registry.oracle.com/mysql/community-operator", "ghcr.io/cloudnative-pg/cloudnative-pg", "registry.opensource.zalan.do/acid/postgres-operator",
			"prodrigestivill/postgres-backup-local:17", "schickling/postgres-backup-s3", "eeshugerman/postgres-backup-s3", "databack/mysql-backup", "fradelg/mysql-cron-backup",
			"tianon/postgres-upgrade:17-to-18", "mongodb/mongodb-mcp-server", "ferretdb/ferretdb", "zabbix/zabbix-server-mysql", "zabbix/zabbix-web-nginx-pgsql",
			"wordpress:php8.3-apache", "nextcloud:stable", "airbyte/source-postgres", "debezium/connect", "jaegertracing/jaeger-cassandra-schema", "confluentinc/cp-kafka",
			"redis/rdi-operator", "mysql-client", "alpine/psql", "temporalio/auto-setup", "shop/mysqlish", "mongooseim/mongooseim", "redisson", "nginx",
		},
	} {
		for _, image := range images {
			if got := detected(t, image); got != want {
				t.Errorf("%s is detected as %q, want %q", image, got, want)
			}
		}
	}
}

// Two engines may never claim one image: nobody could say which of them is meant.
func TestBuiltin_NoImageBelongsToTwoEngines(t *testing.T) {
	owner := map[string]string{}
	for _, e := range strategy.Builtin() {
		for _, image := range e.Images {
			if other, ok := owner[image]; ok {
				t.Errorf("%s is claimed by %s and %s", image, other, e.Name)
			}
			owner[image] = e.Name
		}
	}
}
