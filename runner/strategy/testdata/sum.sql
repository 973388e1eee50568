SELECT '== ' || current_database();
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")) FROM %I.%I t',
	n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'v') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname \gexec
SELECT 'object', l.oid, pg_get_userbyid(l.lomowner), l.lomacl, md5(lo_get(l.oid)), obj_description(l.oid, 'pg_largeobject') FROM pg_largeobject_metadata l ORDER BY 2;
SELECT 'sequence', schemaname, sequencename, last_value, start_value, increment_by FROM pg_sequences ORDER BY 2, 3;
SELECT 'extension', extname, extversion, extnamespace::regnamespace FROM pg_extension ORDER BY 2;
SELECT 'owner', n.nspname, c.relname, pg_get_userbyid(relowner), ARRAY(SELECT unnest(relacl)::text ORDER BY 1) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY 2, 3;
SELECT 'owner', nspname, pg_get_userbyid(nspowner), ARRAY(SELECT unnest(nspacl)::text ORDER BY 1) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 2;
SELECT 'trigger', tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT 'event trigger', evtname, evtenabled FROM pg_event_trigger ORDER BY 2;
SELECT 'set', current_setting('search_path'), current_setting('statement_timeout');
