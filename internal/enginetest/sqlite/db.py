#!/usr/bin/python3
"""An application that keeps its data in SQLite, and what tests want to know of it."""
import hashlib, os, signal, sqlite3, sys, threading

def connect(path, mode):
    c = sqlite3.connect(path, timeout=30, isolation_level=None)
    if mode:
        c.execute("PRAGMA journal_mode=" + mode)
    c.execute("PRAGMA synchronous=OFF")
    return c

def make(path, mode="wal"):
    c = connect(path, mode)
    c.executescript("""
BEGIN;
CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE moves(id INTEGER PRIMARY KEY AUTOINCREMENT, amount INTEGER, note TEXT);
CREATE TABLE kinds(a, b TEXT COLLATE NOCASE, c BLOB, d REAL, e TEXT GENERATED ALWAYS AS (upper(b)) STORED);
CREATE TABLE plain(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE empty(x);
CREATE TABLE "odd ""name'; --"(x);
CREATE INDEX kinds_b ON kinds(b);
CREATE INDEX kinds_part ON kinds(d) WHERE d > 0;
CREATE VIEW rich AS SELECT * FROM accounts WHERE balance > 1000;
CREATE VIRTUAL TABLE words USING fts5(body);
CREATE TRIGGER noted AFTER INSERT ON moves WHEN new.note IS NULL BEGIN UPDATE moves SET note = 'none' WHERE id = new.id; END;
PRAGMA user_version = 42;
COMMIT;
""")
    c.execute("BEGIN")
    c.executemany("INSERT INTO accounts VALUES(?, 1000)", [(i,) for i in range(100)])
    c.execute("INSERT INTO kinds(a, b, c, d) VALUES(NULL, 'Grüße 🐘', ?, 1.5)", (bytes(range(256)) * 16,))
    c.execute("INSERT INTO kinds(a, b, c, d) VALUES(9223372036854775807, '', x'', -0.0)")
    c.execute("INSERT INTO kinds(a, b, c, d) VALUES('x', NULL, ?, 1e300)", (b"\x01" * (1 << 20),))
    c.execute("INSERT INTO \"odd \"\"name'; --\" VALUES(1)")
    c.executemany("INSERT INTO plain VALUES(?, ?)", [("k%d" % i, i) for i in range(1000)])
    c.executemany("INSERT INTO words VALUES(?)", [("word%d some text" % i,) for i in range(500)])
    c.execute("COMMIT")
    c.close()

def state(*paths):
    """All that is in the databases: schema, settings, every row."""
    for path in paths:
        c = sqlite3.connect("file:%s?mode=rw" % path, uri=True, timeout=30)
        print(path, *[c.execute("PRAGMA " + p).fetchone()[0] for p in ("user_version", "page_size", "encoding", "journal_mode", "integrity_check")])
        for name, kind, sql in c.execute("SELECT name, type, sql FROM sqlite_schema ORDER BY name, type").fetchall():
            print(kind, name, sql)
            if kind == "table" and not (sql or "").upper().startswith("CREATE VIRTUAL"):
                digest, n = hashlib.sha256(), 0
                for row in c.execute('SELECT * FROM "%s"' % name.replace('"', '""')):
                    digest.update(repr(row).encode("utf-8", "surrogateescape"))
                    n += 1
                print(" ", n, digest.hexdigest())
        c.close()

def hammer(path, writers="3"):
    """Moves money between accounts, in transactions that keep the sum, until it is told to stop."""
    def work(n):
        c = connect(path, None)
        i = n
        while True:
            i = (i * 1103515245 + 12345) % (1 << 31)
            a, b, amount = i % 100, (i >> 8) % 100, i % 50
            c.execute("BEGIN IMMEDIATE")
            c.execute("UPDATE accounts SET balance = balance - ? WHERE id = ?", (amount, a))
            c.execute("INSERT INTO moves(amount, note) VALUES(?, ?)", (amount, "out"))
            c.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount, b))
            c.execute("INSERT INTO moves(amount, note) VALUES(?, ?)", (-amount, "in"))
            c.execute("COMMIT")
    for n in range(int(writers)):
        threading.Thread(target=work, args=(n + 1,), daemon=True).start()
    print("hammering", flush=True)
    wait()

def sums(path):
    """Invariant of the hammer, and how far it got."""
    c = sqlite3.connect(path, timeout=30)
    print(c.execute("SELECT sum(balance) FROM accounts").fetchone()[0],
          c.execute("SELECT coalesce(sum(amount), 0) FROM moves").fetchone()[0],
          c.execute("SELECT count(*) % 2 FROM moves").fetchone()[0])

def moves(path):
    print(sqlite3.connect(path, timeout=30).execute("SELECT count(*) FROM moves").fetchone()[0])

def damage(*paths):
    for path in paths:
        c = sqlite3.connect(path, timeout=30)
        c.executescript("DELETE FROM kinds; UPDATE accounts SET balance = 0; DROP TABLE plain; CREATE TABLE later(x); INSERT INTO later VALUES(1); PRAGMA user_version = 7;")
        c.close()

def lock(path):
    c = connect(path, None)
    c.execute("BEGIN EXCLUSIVE")
    c.execute("INSERT INTO empty VALUES(1)")
    print("locked", flush=True)
    wait()

def crash(path):
    """Dies with its changes in the -wal, or with a hot journal."""
    c = connect(path, None)
    c.execute("PRAGMA cache_size=5")
    c.execute("PRAGMA cache_spill=1")
    if c.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        c.execute("INSERT INTO moves(amount, note) VALUES(0, 'only in the wal')")
    else:
        c.execute("PRAGMA synchronous=FULL")
        c.execute("BEGIN IMMEDIATE")
        c.execute("UPDATE accounts SET balance = -5")
        c.executemany("INSERT INTO plain VALUES(?, ?)", [("new%d" % i, "x" * 500) for i in range(2000)])
    os.kill(os.getpid(), signal.SIGKILL)

def big(path, mib):
    """A database of so many MiB whose rows are quickly made and hard to compress."""
    c = connect(path, "wal")
    c.execute("PRAGMA cache_size=-65536")
    c.execute("CREATE TABLE big(id INTEGER PRIMARY KEY, body BLOB)")
    for i in range(int(mib)):
        c.execute("INSERT INTO big VALUES(?, ?)", (i, os.urandom(1 << 20)))
    c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    c.close()

def collated(path):
    """A database that needs what only its application has."""
    c = connect(path, "wal")
    c.create_collation("ours", lambda a, b: (a > b) - (a < b))
    c.executescript("CREATE TABLE own(x TEXT COLLATE ours); CREATE INDEX own_x ON own(x); INSERT INTO own VALUES('a'), ('b'); CREATE TABLE fine(x); INSERT INTO fine VALUES(1)")
    c.close()

def wait():
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)

if __name__ == "__main__":
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: os._exit(0))
    globals()[sys.argv[1]](*sys.argv[2:])
