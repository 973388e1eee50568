-- +goose Up
-- What the commands around a run said. The output is in a table of its own: a list of runs does not carry it.
CREATE TABLE hooks (
    run_id    TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt   INTEGER NOT NULL,
    name      TEXT NOT NULL,
    instance  TEXT NOT NULL,
    state     TEXT NOT NULL,
    exit_code INTEGER NOT NULL,
    output    TEXT NOT NULL,
    truncated INTEGER NOT NULL,
    took      INTEGER NOT NULL,
    error     TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (run_id, attempt, name)
) STRICT;

-- Where the run writes, known before it does: what a run that died left is looked for there.
ALTER TABLE runs ADD COLUMN key TEXT NOT NULL DEFAULT '';
