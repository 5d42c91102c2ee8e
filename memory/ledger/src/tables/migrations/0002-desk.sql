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
