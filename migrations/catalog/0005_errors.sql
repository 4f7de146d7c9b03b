-- Errors: groups with their counters, and what people decided about them. Occurrences are in the files of their days. Times are
-- nanoseconds since the epoch, hours count from it.
CREATE TABLE error_group (
    number INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind TEXT NOT NULL,                     -- what the fingerprint is made of: 'exception', 'message', 'explicit', 'rule'
    parts TEXT NOT NULL,                    -- JSON: a list of [what, text], the parts of the fingerprint
    class TEXT NOT NULL,
    title TEXT NOT NULL,
    file TEXT NOT NULL,
    service TEXT NOT NULL,
    level INTEGER NOT NULL,
    source INTEGER NOT NULL,                -- whose title and level it has: 0 X-Ray, 1 OpenTelemetry, 2 Rollbar
    title_locked INTEGER NOT NULL DEFAULT 0, -- a person chose it
    level_locked INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,      -- 0 active, 1 resolved, 2 muted, 3 snoozed
    resolved_at INTEGER NOT NULL DEFAULT 0,
    resolved_version TEXT,
    next_deploy INTEGER NOT NULL DEFAULT 0,
    snoozed_until INTEGER,
    snoozed_count INTEGER,                  -- the count at which it wakes
    regressed INTEGER NOT NULL DEFAULT 0,
    handled INTEGER NOT NULL DEFAULT 0,     -- somebody dealt with it
    assignee TEXT,
    comments INTEGER NOT NULL DEFAULT 0,
    parent INTEGER,                         -- the group that it was merged into
    first_version TEXT NOT NULL DEFAULT '',
    last_version TEXT NOT NULL DEFAULT '',
    -- Of its own occurrences.
    count INTEGER NOT NULL DEFAULT 0,
    people INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    families INTEGER NOT NULL DEFAULT 0,    -- bits: 1 Rollbar, 2 OpenTelemetry, 4 X-Ray
    -- With the groups that were merged into it, as lists show and sort it.
    all_count INTEGER NOT NULL DEFAULT 0,
    all_people INTEGER NOT NULL DEFAULT 0,
    all_failed INTEGER NOT NULL DEFAULT 0,
    all_first INTEGER NOT NULL DEFAULT 0,
    all_last INTEGER NOT NULL DEFAULT 0,
    all_families INTEGER NOT NULL DEFAULT 0,
    day_count INTEGER NOT NULL DEFAULT 0,   -- of the last 24 h, when it was ranked
    priority INTEGER NOT NULL DEFAULT 0,
    ranked_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX error_group_parent ON error_group (parent) WHERE parent IS NOT NULL;
CREATE INDEX error_group_priority ON error_group (status, priority, number) WHERE parent IS NULL;
CREATE INDEX error_group_last ON error_group (status, all_last, number) WHERE parent IS NULL;
CREATE INDEX error_group_first ON error_group (status, all_first, number) WHERE parent IS NULL;
-- With the parent, that groups are counted by this alone.
CREATE INDEX error_group_count ON error_group (status, all_count, number, parent) WHERE parent IS NULL;
CREATE INDEX error_group_people ON error_group (status, all_people, number) WHERE parent IS NULL;
CREATE INDEX error_group_ranked ON error_group (ranked_at) WHERE parent IS NULL AND priority > 0;
CREATE INDEX error_group_snoozed ON error_group (snoozed_until) WHERE status = 3;

-- The group of each fingerprint: several may lead to one, and what a person merged stays merged for what comes.
CREATE TABLE error_alias (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (project, environment, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX error_alias_fingerprint ON error_alias (fingerprint);

CREATE TABLE error_hour (
    number INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (number, hour)
) STRICT, WITHOUT ROWID;

-- Occurrences by value: 0 context, 1 version, 2 host, 3 browser, 4 person, 5 environment, 6 ip, 7 path.
CREATE TABLE error_value (
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (number, kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE error_person (
    number INTEGER NOT NULL,
    person INTEGER NOT NULL,                -- a hash of its id
    PRIMARY KEY (number, person)
) STRICT, WITHOUT ROWID;

-- Requests in which a group occurred, until it is known whether they failed.
CREATE TABLE error_request (
    number INTEGER NOT NULL,
    trace BLOB NOT NULL,
    hour INTEGER NOT NULL,
    due INTEGER,                            -- when to look; NULL: it is known
    tries INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (number, trace)
) STRICT, WITHOUT ROWID;
CREATE INDEX error_request_due ON error_request (due) WHERE due IS NOT NULL;
CREATE INDEX error_request_hour ON error_request (hour);

CREATE TABLE error_history (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,                    -- empty: Clew itself
    owner INTEGER,                          -- for accounts, which there are none of yet
    what TEXT NOT NULL,
    comment TEXT
) STRICT;
CREATE INDEX error_history_number ON error_history (number, id);

CREATE TABLE error_deploy (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    revision TEXT NOT NULL,
    user TEXT NOT NULL,
    comment TEXT NOT NULL,
    status TEXT NOT NULL,
    started INTEGER NOT NULL,
    finished INTEGER
) STRICT;
CREATE INDEX error_deploy_started ON error_deploy (started);

-- When a version was first seen: its place among versions that are not numbers.
CREATE TABLE error_version (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    version TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    PRIMARY KEY (project, environment, version)
) STRICT, WITHOUT ROWID;

-- The service of a Rollbar project, learned from an error that another system saw, too.
CREATE TABLE error_service (
    project TEXT PRIMARY KEY,
    service TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Crash sites whose messages differ too much to tell errors apart.
CREATE TABLE error_exploded (
    site TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- By which version of the algorithm a project's errors are grouped, since when, and by which they were before.
CREATE TABLE error_algorithm (
    project TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    before TEXT,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE error_rules (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    rules TEXT NOT NULL
) STRICT;

-- Every witness up to this seq is digested.
CREATE TABLE error_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
