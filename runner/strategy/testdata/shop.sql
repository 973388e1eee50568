CREATE ROLE app LOGIN PASSWORD 'app-secret';
CREATE ROLE reader;
GRANT reader TO app;
COMMENT ON ROLE app IS 'the shop';
CREATE DATABASE shop OWNER app TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
ALTER DATABASE shop SET search_path TO public, private;
ALTER DATABASE shop CONNECTION LIMIT 50;
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO reader;
COMMENT ON DATABASE shop IS E'two\nlines; DROP DATABASE shop;';
ALTER ROLE app IN DATABASE shop SET work_mem = '9MB';
CREATE DATABASE "we""ird na'me" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C';
ALTER DATABASE "we""ird na'me" SET statement_timeout TO '1h';
\connect shop
CREATE SCHEMA private AUTHORIZATION app;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, feeling mood, twice int GENERATED ALWAYS AS (length(name) * 2) STORED);
ALTER TABLE customers OWNER TO app;
GRANT SELECT ON customers TO reader;
INSERT INTO customers (name, feeling) SELECT 'customer ' || n, 'ok' FROM generate_series(1, 2000) n;
INSERT INTO customers (name) VALUES (E'\\.'), (E'a\n\\.\nb'), ('-- PostgreSQL database dump complete'), (E'tab\tand\\back'), ('ünïcode');
CREATE TABLE private.orders (id bigint, placed date NOT NULL, customer int REFERENCES customers) PARTITION BY RANGE (placed);
CREATE TABLE private.orders_2025 PARTITION OF private.orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE private.orders_2026 PARTITION OF private.orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO private.orders SELECT n, date '2025-06-01' + n, 1 + n % 2000 FROM generate_series(1, 500) n;
CREATE TABLE "Odd Table" ("a b" text, "c""d" int);
INSERT INTO "Odd Table" VALUES ('x', 1);
CREATE TABLE nothing ();
CREATE VIEW happy AS SELECT id, name, E'quote \\ '' ;' AS note FROM customers WHERE feeling = 'ok';
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- PostgreSQL database dump complete
  NEW.name := NEW.name || 'DROP DATABASE IF EXISTS nowhere;';
  RETURN NEW;
END $$;
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT count(*) FROM customers; END;
CREATE TRIGGER bump BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION bump();
CREATE RULE both_ways AS ON INSERT TO nothing DO ALSO (DELETE FROM "Odd Table" WHERE false; NOTIFY nobody);
CREATE SEQUENCE private.tickets START 77;
SELECT nextval('private.tickets');
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM customers;
SELECT lo_from_bytea(4711, decode(repeat('cafe', 30000), 'hex'));
\connect -reuse-previous=on "dbname='we""ird na\'me'"
CREATE TABLE t (v text);
INSERT INTO t VALUES ('ä'), ('z');
\connect postgres
CREATE TABLE kept_in_postgres (n int);
INSERT INTO kept_in_postgres VALUES (1), (2), (3);
