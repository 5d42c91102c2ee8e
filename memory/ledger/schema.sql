CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    started_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_start ON runs (started_ms);

CREATE TABLE events (
    run_id TEXT NOT NULL REFERENCES runs (id),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    at_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
    run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    id TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id),
    sent_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    taken_iteration INTEGER
) STRICT;

CREATE INDEX commands_pending ON commands (run_id, id) WHERE taken_iteration IS NULL;

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT UNIQUE,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    priority INTEGER NOT NULL,
    added_ms INTEGER NOT NULL,
    lease INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    lease_until_ms INTEGER,
    ended TEXT CHECK (ended IN ('done', 'failed')),
    ended_ms INTEGER,
    summary TEXT
) STRICT;

CREATE INDEX tasks_open ON tasks (priority DESC, id) WHERE ended IS NULL;

CREATE TABLE calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    door TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT UNIQUE,
    input_hash TEXT NOT NULL,
    ended_ms INTEGER,
    outcome TEXT,
    answer TEXT
) STRICT;

CREATE TABLE proposals (
    subject TEXT NOT NULL PRIMARY KEY,
    operation TEXT NOT NULL,
    title TEXT NOT NULL,
    asked_ms INTEGER NOT NULL,
    approved INTEGER CHECK (approved IN (0, 1)),
    person TEXT,
    reason TEXT,
    decided_ms INTEGER
) STRICT, WITHOUT ROWID;
