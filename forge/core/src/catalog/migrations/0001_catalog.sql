CREATE TABLE resources (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    lines TEXT NOT NULL CHECK (json_valid(lines)),
    status TEXT NOT NULL CHECK (status IN ('declared', 'ready')),
    created_at TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    up_hash TEXT NOT NULL,
    applied_at TEXT NOT NULL
) STRICT;

CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    subject_hash TEXT NOT NULL,
    approver TEXT NOT NULL CHECK (json_valid(approver)),
    evidence TEXT NOT NULL CHECK (json_valid(evidence)),
    approved_at TEXT NOT NULL,
    voided_at TEXT,
    void_reason TEXT
) STRICT;

CREATE UNIQUE INDEX approvals_standing ON approvals (subject_hash) WHERE voided_at IS NULL;

CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL CHECK (json_valid(details)),
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
