-- What all migrations together make; a test compares the two.

PRAGMA application_id = 1145523249;    -- "DGL1": what kind of database this is

-- What contacts are hashed with. One row; whoever changes it calls everybody again.
CREATE TABLE identity_key (
    single INTEGER PRIMARY KEY CHECK (single = 1),
    key    BLOB NOT NULL
) STRICT;

-- Settings of the campaign.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a contact: where it is and what came of it. Nothing personal.
CREATE TABLE contact (
    number   INTEGER PRIMARY KEY,          -- in the order of import
    hash     BLOB NOT NULL UNIQUE,         -- keyed hash of what identifies it
    line     INTEGER NOT NULL,             -- line of the contact file
    state    INTEGER NOT NULL DEFAULT 1,   -- see ledger/_state.py; 1 is pending
    attempts INTEGER NOT NULL DEFAULT 0,   -- intents so far
    pabx     TEXT,                         -- that had it last, or must take it
    call_id  TEXT,
    reason   TEXT,
    sent_at  REAL,                         -- Unix time of the last intent
    settled_at REAL,                       -- Unix time of the last outcome
    owner    INTEGER,                      -- who claims it, or did last
    failures INTEGER NOT NULL DEFAULT 0,   -- attempts that count against the contact
    intent   INTEGER                       -- sequence of its last intent's event
) STRICT;

-- The one place with numbers, the caller's ids and user data.
CREATE TABLE person (
    number      INTEGER PRIMARY KEY REFERENCES contact (number),
    id          TEXT,
    destination TEXT NOT NULL,
    pabx        TEXT,                      -- that must take it
    fields      TEXT,                      -- JSON: other fields of its call
    numbers     TEXT                       -- JSON: all its numbers, if several
) STRICT;

-- What happened, in order; rows are only ever added.
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    contact  INTEGER NOT NULL,
    step     INTEGER NOT NULL,             -- see ledger/_state.py
    at       REAL NOT NULL,                -- Unix time
    pabx     TEXT,
    call_id  TEXT,
    reason   TEXT,                         -- a code; for reconcile the evidence
    owner    INTEGER                       -- whose step: of intents and their ends
) STRICT;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- A call id is given once by a PABX: a second one tells of a stale answer.
CREATE UNIQUE INDEX contact_call_id ON contact (pabx, call_id) WHERE call_id IS NOT NULL;
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
-- Who claims contacts, and until when nobody else may have their claims.
CREATE TABLE owner (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    label       TEXT NOT NULL,          -- for people; nothing private
    began_at    REAL NOT NULL,          -- Unix time
    lease_until REAL NOT NULL           -- Unix time
) STRICT;
-- Finds the evidence of a reconciled contact (see ledger/_state.py).
CREATE INDEX event_evidence ON event (contact) WHERE step IN (11, 12);

-- What became of a call that was accepted, or may have been placed: one row an attempt
-- at most.
CREATE TABLE call_end (
    intent      INTEGER PRIMARY KEY,    -- sequence of the attempt's intent
    contact     INTEGER NOT NULL,
    disposition INTEGER NOT NULL,       -- see ledger/_codes.py; 12 is none seen
    word        TEXT,                   -- the PABX's own
    started_at  REAL,                   -- Unix times at which events were read
    rang_at     REAL,
    answered_at REAL,
    ended_at    REAL,
    pabx_times  TEXT,                   -- JSON: phases to the PABX's own times of them
    evidence    TEXT NOT NULL,          -- how it is known, as a code
    told        INTEGER NOT NULL DEFAULT 0  -- in which order ends were told
) STRICT;
CREATE INDEX call_end_told ON call_end (told);

CREATE TRIGGER told_end_is_never_changed BEFORE UPDATE ON call_end
WHEN OLD.disposition <> 12
BEGIN SELECT RAISE(ABORT, 'what was told of a call''s end is never changed'); END;

-- No number is given a second time, also where the end that had the last one is gone.
CREATE TRIGGER last_told_is_kept BEFORE DELETE ON call_end
BEGIN
    INSERT INTO setting (name, value) VALUES ('last_told', OLD.told)
        ON CONFLICT (name) DO UPDATE
        SET value = max(CAST(value AS INTEGER), OLD.told);
END;

-- Which runs hear of the ends of their calls, and how long they wait for them.
CREATE TABLE listening (
    owner   INTEGER NOT NULL,
    pabx    TEXT NOT NULL,
    timeout REAL NOT NULL,              -- seconds from an answer
    PRIMARY KEY (owner, pabx)
) STRICT, WITHOUT ROWID;

-- What calling rules have to know of a contact; most have no row. It stands apart, so
-- that calls cost the same whether or not there are rules.
CREATE TABLE wait (
    contact  INTEGER PRIMARY KEY,
    priority INTEGER NOT NULL DEFAULT 0,
    due      REAL,                         -- Unix time; none for one that never waited
    kind     INTEGER,                      -- see ledger/_codes.py
    place    INTEGER NOT NULL DEFAULT 0,   -- of the number that is tried next
    is_over  INTEGER NOT NULL DEFAULT 0    -- was not pending when it was last looked at
) STRICT;
CREATE INDEX wait_due ON wait (kind, priority, due)
    WHERE due IS NOT NULL AND is_over = 0;
CREATE INDEX wait_fresh ON wait (priority, contact) WHERE due IS NULL;

-- Calls that were agreed on.
CREATE TABLE callback (
    contact    INTEGER PRIMARY KEY,
    at         REAL NOT NULL,              -- Unix time
    place      INTEGER,
    moved      INTEGER NOT NULL,
    is_overdue INTEGER NOT NULL,
    after      INTEGER NOT NULL            -- the contact's intent then: a later one made it
) STRICT;

-- By which number a contact was called, or is about to be.
CREATE TABLE attempt (
    number      INTEGER PRIMARY KEY,       -- in the order of planning
    contact     INTEGER NOT NULL,
    after       INTEGER NOT NULL,          -- the contact's intent before it; 0 for none
    place       INTEGER NOT NULL,
    key         TEXT,                      -- of the number, as digits: personal
    originating TEXT,
    outcome     INTEGER,                   -- this and what follows once it is over
    intent      INTEGER,
    began_at    REAL,
    pabx        TEXT,
    call_id     TEXT
) STRICT;
CREATE INDEX attempt_contact ON attempt (contact);
CREATE INDEX attempt_key ON attempt (key) WHERE key IS NOT NULL;
CREATE INDEX attempt_call_id ON attempt (pabx, call_id) WHERE call_id IS NOT NULL;

-- What blocked numbers are hashed with, and how often they were changed.
CREATE TABLE block_key (
    single  INTEGER PRIMARY KEY CHECK (single = 1),
    key     BLOB NOT NULL,
    changes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Numbers that nobody is to call.
CREATE TABLE block (
    hash   BLOB PRIMARY KEY,               -- keyed hash of the number's key
    reason TEXT NOT NULL,
    until  REAL,                           -- Unix time; none for ever
    since  REAL NOT NULL                   -- Unix time
) STRICT, WITHOUT ROWID;
