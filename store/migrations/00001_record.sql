-- +goose Up
-- Times are integer milliseconds since 1970 in UTC. Every row names its instance, so that one record can hold a fleet.

PRAGMA application_id = 1396982338;

-- The oldest schema whose program can still use this file. Migrations only add, so a roll-back to that one works. A
-- migration that an older program could not live with raises the number itself.
CREATE TABLE schema_guard (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    oldest_usable INTEGER NOT NULL
) STRICT;
INSERT INTO schema_guard (one, oldest_usable) VALUES (1, 1);

CREATE TABLE instances (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    key        TEXT NOT NULL,
    instance   TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (key, instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
    project   TEXT NOT NULL,
    service   TEXT NOT NULL,
    instance  TEXT NOT NULL,
    container TEXT NOT NULL,
    image     TEXT NOT NULL,
    strategy  TEXT NOT NULL,
    stateful  INTEGER NOT NULL,
    seen_at   INTEGER NOT NULL,
    absent    INTEGER NOT NULL,
    PRIMARY KEY (project, service, instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id           TEXT NOT NULL,
    instance     TEXT NOT NULL,
    project      TEXT NOT NULL,
    service      TEXT NOT NULL,
    name         TEXT NOT NULL,
    strategy     TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    spec         TEXT,
    declared     INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    first_seen   INTEGER NOT NULL,
    declared_at  INTEGER,
    absent_since INTEGER,
    next_run     INTEGER,
    last_tick    INTEGER,
    last_success INTEGER,
    PRIMARY KEY (id, instance)
) STRICT;

CREATE TABLE problems (
    project    TEXT NOT NULL,
    service    TEXT NOT NULL,
    job        TEXT NOT NULL,
    label      TEXT NOT NULL,
    value      TEXT NOT NULL,
    why        TEXT NOT NULL,
    severity   TEXT NOT NULL,
    instance   TEXT NOT NULL,
    suggestion TEXT NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (project, service, job, label, value, why, severity, instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id             TEXT PRIMARY KEY,
    instance       TEXT NOT NULL,
    project        TEXT NOT NULL,
    service        TEXT NOT NULL,
    job            TEXT NOT NULL,
    trigger        TEXT NOT NULL,
    state          TEXT NOT NULL,
    cause          TEXT NOT NULL,
    error          TEXT NOT NULL,
    attempt        INTEGER NOT NULL,
    strategy       TEXT NOT NULL,
    container      TEXT NOT NULL,
    image          TEXT NOT NULL,
    image_digest   TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    scheduled_for  INTEGER,
    queued_at      INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    released_at    INTEGER,
    raw_bytes      INTEGER NOT NULL,
    stored_bytes   INTEGER NOT NULL,
    raw_xxh64      TEXT NOT NULL,
    sha256         TEXT NOT NULL,
    pinned         INTEGER NOT NULL,
    quorum         INTEGER NOT NULL,
    helper_start   INTEGER NOT NULL,
    targets        TEXT,
    warnings       TEXT,
    proof          TEXT
) STRICT;
-- The columns after the id make counting and "the newest of this state" answers from the index alone.
CREATE INDEX runs_by_time ON runs (queued_at, id, project, service, job, state);
CREATE INDEX runs_by_job ON runs (project, service, job, queued_at, id, state);
CREATE INDEX runs_by_project ON runs (project, queued_at, id);
CREATE INDEX runs_by_state ON runs (state, queued_at, id);

-- project, service and job are those of the run; held says that the object is there (present, verified or locked).
CREATE TABLE artifacts (
    run_id       TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    target       TEXT NOT NULL,
    instance     TEXT NOT NULL,
    project      TEXT NOT NULL,
    service      TEXT NOT NULL,
    job          TEXT NOT NULL,
    key          TEXT NOT NULL,
    bytes        INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    hash         TEXT NOT NULL,
    state        TEXT NOT NULL,
    held         INTEGER NOT NULL,
    error        TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    next_attempt INTEGER,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (run_id, target)
) STRICT;
CREATE INDEX artifacts_held ON artifacts (project, service, job, run_id, bytes) WHERE held = 1;
CREATE INDEX artifacts_due ON artifacts (run_id, target) WHERE state = 'due';

-- One row per job that ever ran, kept up to date with its runs and artifacts, so that a status page never counts history.
CREATE TABLE summaries (
    project        TEXT NOT NULL,
    service        TEXT NOT NULL,
    job            TEXT NOT NULL,
    instance       TEXT NOT NULL,
    latest_run     TEXT,
    latest_success TEXT,
    stored_bytes   INTEGER NOT NULL,
    PRIMARY KEY (project, service, job, instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE restores (
    id          TEXT PRIMARY KEY,
    instance    TEXT NOT NULL,
    run_id      TEXT NOT NULL,
    key         TEXT NOT NULL,
    source      TEXT NOT NULL,
    project     TEXT NOT NULL,
    service     TEXT NOT NULL,
    job         TEXT NOT NULL,
    to_project  TEXT NOT NULL,
    to_service  TEXT NOT NULL,
    state       TEXT NOT NULL,
    error       TEXT NOT NULL,
    safety_run  TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    raw_bytes   INTEGER NOT NULL,
    proof       TEXT,
    differences TEXT
) STRICT;
CREATE INDEX restores_by_time ON restores (started_at, id);
CREATE INDEX restores_by_job ON restores (project, service, job, started_at, id);
CREATE INDEX restores_open ON restores (started_at) WHERE finished_at IS NULL;

CREATE TABLE journal (
    id        TEXT PRIMARY KEY,
    instance  TEXT NOT NULL,
    kind      TEXT NOT NULL,
    project   TEXT NOT NULL,
    service   TEXT NOT NULL,
    container TEXT NOT NULL,
    run_id    TEXT NOT NULL,
    was       TEXT NOT NULL,
    data      TEXT,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_by_time ON journal (at, id);

CREATE TABLE events (
    id       TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    project  TEXT NOT NULL,
    service  TEXT NOT NULL,
    job      TEXT NOT NULL,
    run_id   TEXT NOT NULL,
    text     TEXT NOT NULL,
    data     TEXT
) STRICT;
CREATE INDEX events_by_time ON events (at, id);
CREATE INDEX events_by_job ON events (project, service, job, at, id);
