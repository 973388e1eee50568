-- +goose Up
-- A group run is one restore point: the runs of the jobs of one project that have the same group, made together.
CREATE TABLE group_runs (
    id            TEXT PRIMARY KEY,
    instance      TEXT NOT NULL,
    project       TEXT NOT NULL,
    name          TEXT NOT NULL,
    trigger       TEXT NOT NULL,
    state         TEXT NOT NULL,
    cause         TEXT NOT NULL,
    error         TEXT NOT NULL,
    scheduled_for INTEGER,
    queued_at     INTEGER NOT NULL,
    started_at    INTEGER,
    held_at       INTEGER,
    released_at   INTEGER,
    finished_at   INTEGER,
    refused       TEXT,
    warnings      TEXT
) STRICT;
CREATE INDEX group_runs_by_time ON group_runs (queued_at, id);
CREATE INDEX group_runs_by_name ON group_runs (project, name, queued_at, id);
CREATE INDEX group_runs_open ON group_runs (queued_at, id) WHERE state IN ('queued', 'running');

-- Empty where a run was made by itself.
ALTER TABLE runs ADD COLUMN group_run TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_by_group ON runs (group_run, project, service, job, id) WHERE group_run <> '';

-- A restore of a group run is a restore without a run of its own; those of its members are part of it.
ALTER TABLE restores ADD COLUMN group_run TEXT NOT NULL DEFAULT '';
ALTER TABLE restores ADD COLUMN part_of TEXT NOT NULL DEFAULT '';
CREATE INDEX restores_by_whole ON restores (part_of, id) WHERE part_of <> '';
