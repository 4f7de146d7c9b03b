-- Log groups and streams. Their figures are written now and then, so after an abrupt end they may lag.
CREATE TABLE log_group (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,       -- nanoseconds since the epoch, as every time here
    retention_days INTEGER,         -- NULL: kept as long as everything else
    tags TEXT NOT NULL              -- JSON: a list of [key, value]
) STRICT, WITHOUT ROWID;

CREATE TABLE log_stream (
    log_group TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    first INTEGER,                  -- times of the earliest and the latest line
    last INTEGER,
    last_received INTEGER,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (log_group, name)
) STRICT, WITHOUT ROWID;

-- Deleted groups and streams whose lines are still on disk: those up to this seq are hidden.
CREATE TABLE log_hidden (
    log_group TEXT NOT NULL,
    stream TEXT NOT NULL,           -- empty: the whole group
    seq INTEGER NOT NULL,
    PRIMARY KEY (log_group, stream)
) STRICT, WITHOUT ROWID;
