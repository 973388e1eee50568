SELECT 'customers', count(*), md5(string_agg(customers::text, '|' ORDER BY id)) FROM customers;
SELECT 'orders', count(*), md5(string_agg(o::text, '|' ORDER BY id)) FROM private.orders o;
SELECT 'odd', md5(string_agg(o::text, '|')) FROM "Odd Table" o;
SELECT 'lo', md5(lo_get(4711));
SELECT 'seq', last_value, is_called FROM private.tickets;
SELECT 'view', count(*) FROM happy;
SELECT 'matview', * FROM counted;
SELECT 'function', total();
SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal;
SELECT 'path', current_setting('search_path');
SELECT 'db', datname, pg_get_userbyid(datdba), datconnlimit, datcollate, ARRAY(SELECT unnest(datacl)::text ORDER BY 1), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname NOT LIKE 'template%' ORDER BY 2;
SELECT 'owner', c.relname, pg_get_userbyid(relowner), ARRAY(SELECT unnest(relacl)::text ORDER BY 1) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'private') AND relkind IN ('r', 'p', 'v', 'S') ORDER BY 2;
SELECT 'setting', d.datname, s.setrole::regrole, s.setconfig FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 2, 3;
SELECT 'role', rolname, rolcanlogin, rolpassword IS NOT NULL, shobj_description(oid, 'pg_authid') FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 2;
SELECT 'member', roleid::regrole, member::regrole FROM pg_auth_members WHERE roleid::regrole::text !~ '^pg_';
\connect postgres
SELECT 'postgres', sum(n) FROM kept_in_postgres;
SELECT 'comment', shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'postgres';
