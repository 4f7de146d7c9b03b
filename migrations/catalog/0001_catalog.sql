-- What people and housekeeping did to the data, newest last.
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,            -- nanoseconds since the epoch
    what TEXT NOT NULL,             -- 'remove dataset', 'drop day'
    detail TEXT NOT NULL,           -- the dataset, the day
    spans INTEGER,                  -- how many it took; NULL while it is under way
    done INTEGER                    -- nanoseconds since the epoch; NULL while it is under way
) STRICT;

-- Single values by name.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
