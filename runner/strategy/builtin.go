package strategy

// Builtin is every engine that the program recognises. One that is not available yet is listed all the same: a
// database must never be taken for a plain volume because nobody knows its name.
func Builtin() []Entry {
	return []Entry{
		postgresEntry(),
		mysqlEntry(),
		{Name: "mongo", Extension: ".archive", Images: []string{
			"mongo", "mongodb", "mongodb-community-server", "mongodb-enterprise-server", "percona-server-mongodb",
		}},
		redisEntry(),
		sqliteEntry(),
		volumeEntry(),
		{Name: "exec", Extension: ".dump"},
	}
}

func postgresEntry() Entry {
	return Entry{
		Name:      "postgres",
		Aliases:   []string{"postgresql"},
		Extension: ".sql",
		Images: []string{
			"postgres", "postgresql", "postgresql-repmgr", "postgis", "pgvector", "timescaledb", "timescaledb-ha", "pgvecto-rs",
			"vectorchord-postgres", "supabase/postgres", "percona-distribution-postgresql", "spilo", "paradedb",
		},
		Available: true,
		Stages:    true,
		Strategy:  postgres{},
		Prover:    newPostgresProver,
		Recipe:    pgRecipe,
	}
}
