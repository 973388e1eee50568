SELECT 'db', datname, pg_get_userbyid(datdba), datconnlimit, datcollate, ARRAY(SELECT unnest(datacl)::text ORDER BY 1), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname NOT LIKE 'template%' ORDER BY 2;
SELECT 'setting', d.datname, s.setrole::regrole, s.setconfig FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 2, 3;
SELECT 'role', rolname, rolcanlogin, rolcreatedb, rolconnlimit, rolvaliduntil, CASE WHEN rolsuper THEN 'its own' ELSE rolpassword END, shobj_description(oid, 'pg_authid') FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 2;
SELECT 'member', roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE roleid::regrole::text !~ '^pg_' ORDER BY 2, 3;
