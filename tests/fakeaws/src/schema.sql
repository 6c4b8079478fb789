CREATE TABLE IF NOT EXISTS queue (
    name                 TEXT PRIMARY KEY,
    visibility_timeout_s INTEGER NOT NULL,
    retention_s          INTEGER NOT NULL,
    delay_s              INTEGER NOT NULL,
    receive_wait_s       INTEGER NOT NULL,
    dead_letter_queue    TEXT,
    max_receive_count    INTEGER,
    created_ms           INTEGER NOT NULL,
    sent                 INTEGER NOT NULL DEFAULT 0,
    received             INTEGER NOT NULL DEFAULT 0,
    deleted              INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- A message is in flight while `receipt` is set and `visible_ms` is ahead; delayed while only the
-- latter is.
CREATE TABLE IF NOT EXISTS message (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    queue             TEXT NOT NULL,
    message_id        TEXT NOT NULL,
    body              TEXT NOT NULL,
    attributes        TEXT NOT NULL,
    group_id          TEXT,
    source_queue      TEXT,
    sent_ms           INTEGER NOT NULL,
    visible_ms        INTEGER NOT NULL,
    receive_count     INTEGER NOT NULL DEFAULT 0,
    first_received_ms INTEGER,
    receipt           TEXT
);
CREATE INDEX IF NOT EXISTS message_by_visibility ON message (queue, visible_ms, id);
CREATE INDEX IF NOT EXISTS message_by_age ON message (queue, sent_ms);

CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS object (
    bucket       TEXT NOT NULL,
    key          TEXT NOT NULL,
    file         TEXT NOT NULL,
    size_bytes   INTEGER NOT NULL,
    md5          TEXT NOT NULL,
    headers      TEXT NOT NULL,
    checksums    TEXT NOT NULL,
    modified_ms  INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;

-- An upload by parts that was neither completed nor aborted; nobody sees an object of it.
CREATE TABLE IF NOT EXISTS upload (
    id         TEXT PRIMARY KEY,
    bucket     TEXT NOT NULL,
    key        TEXT NOT NULL,
    headers    TEXT NOT NULL,
    algorithm  TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS part (
    upload     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    file       TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    md5        TEXT NOT NULL,
    checksums  TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS parameter (
    name        TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    value       TEXT NOT NULL,
    version     INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS mail (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    recipients TEXT NOT NULL,
    subject    TEXT NOT NULL,
    text       TEXT NOT NULL,
    html       TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS api_key (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL UNIQUE,
    enabled    INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS api_key_by_name ON api_key (name);

CREATE TABLE IF NOT EXISTS usage_plan_key (
    key_id  TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    PRIMARY KEY (key_id, plan_id)
) WITHOUT ROWID;
