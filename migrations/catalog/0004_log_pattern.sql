-- Patterns of log messages. A template may become more general; its id stays.
CREATE TABLE log_pattern (
    id INTEGER PRIMARY KEY,
    log_group TEXT NOT NULL,
    template TEXT NOT NULL,
    first_seen INTEGER NOT NULL     -- time of its earliest line, nanoseconds since the epoch
) STRICT;
