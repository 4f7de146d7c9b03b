-- Other names of services, each with the name its service is shown by.
CREATE TABLE alias (
    name TEXT PRIMARY KEY,
    service TEXT NOT NULL
) STRICT, WITHOUT ROWID;
