-- Lists that were put in, and whether each was to its end.
CREATE TABLE import (
    number    INTEGER PRIMARY KEY,
    file      TEXT,                        -- its name without folder; none of a program's
    size      INTEGER,                     -- of the file, in bytes
    source    BLOB,                        -- keyed hash of the file's content
    began_at  REAL NOT NULL,               -- Unix time
    ended_at  REAL,                        -- Unix time; none where it did not end
    successor INTEGER,                     -- the import that has all that this one had
    contacts  INTEGER NOT NULL DEFAULT 0,  -- read so far, as are all of these
    new       INTEGER NOT NULL DEFAULT 0,
    repeated  INTEGER NOT NULL DEFAULT 0,
    rejected  INTEGER NOT NULL DEFAULT 0,
    beginning BLOB                         -- of a program's list: hash of these contacts
) STRICT;
