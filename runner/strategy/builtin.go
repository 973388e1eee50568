package strategy

// Builtin is every engine that the program recognises. One that is not available yet is listed all the same: a
// database must never be taken for a plain volume because nobody knows its name.
func Builtin() []Entry {
	return []Entry{
		postgresEntry(),
		mysqlEntry(),
		mongoEntry(),
		redisEntry(),
		sqliteEntry(),
		volumeEntry(),
		execEntry(),
	}
}

func postgresEntry() Entry {
	return Entry{
		Name:      "postgres",
		Aliases:   []string{"postgresql"},
		Extension: ".sql",
		Images: []string{
			"postgres", "postgresql", "postgresql-[0-9]*", "postgresql-repmgr", "aio-postgresql", "zulip-postgresql",
			"postgis", "pgvector", "pgroonga", "pgvecto-rs", "vchord-postgres", "vectorchord-postgres", "vchord-suite",
			"timescaledb", "timescaledb-ha", "citus", "apache/age", "paradedb", "postgres-plv8", "pgautoupgrade",
			"percona-distribution-postgresql", "spilo", "spilo-[0-9]*", "crunchy-postgres", "crunchy-postgres-gis",
		},
		Available: true,
		Stages:    true,
		Strategy:  postgres{},
		Prover:    newPostgresProver,
		Recipe:    pgRecipe,
	}
}
