-- Who waits until when, what was tried, and who is not to be called: see
-- ledger/_schedule_port.py.

-- JSON: all its numbers, where it has several.
ALTER TABLE person ADD COLUMN numbers TEXT;

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
