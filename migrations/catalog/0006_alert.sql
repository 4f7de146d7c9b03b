-- Whom to tell of errors.
CREATE TABLE alert_target (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,             -- 'webhook', 'slack'
    url TEXT NOT NULL,
    triggers TEXT NOT NULL,         -- separated by spaces
    min_level INTEGER NOT NULL,     -- Rollbar's number, 10 to 50
    environment TEXT NOT NULL,      -- empty: all
    rate_count INTEGER NOT NULL,
    rate_minutes INTEGER NOT NULL
) STRICT;

-- What is to be sent and what was: the delivery log.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,            -- nanoseconds since the epoch, as every time here
    due INTEGER,                    -- NULL: nothing more is sent
    target INTEGER NOT NULL,
    name TEXT NOT NULL,             -- the target's
    trigger TEXT NOT NULL,
    number INTEGER NOT NULL,        -- of the group; 0 for a test
    count INTEGER NOT NULL,         -- its occurrences when it was raised
    attempts INTEGER NOT NULL,
    answer TEXT NOT NULL,
    delivered INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_due ON alert (due) WHERE due IS NOT NULL;
-- Occurrences of each of the last 60 minutes (from the epoch), for targets that want to hear of many in a short time.
CREATE TABLE error_minute (
    number INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (number, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX error_minute_minute ON error_minute (minute);

-- When a group was last told to a target for a reason.
CREATE INDEX alert_number ON alert (number, target, trigger, at);
