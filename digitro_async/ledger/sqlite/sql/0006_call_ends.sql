-- Which attempt a contact is at: the sequence of the event that is its last intent. None
-- where an earlier version recorded that: nobody listened to the ends of its calls.
ALTER TABLE contact ADD COLUMN intent INTEGER;

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
    evidence    TEXT NOT NULL           -- how it is known, as a code
) STRICT;

-- None seen may give way to what is told after all.
CREATE TRIGGER told_end_is_never_changed BEFORE UPDATE ON call_end
WHEN OLD.disposition <> 12
BEGIN SELECT RAISE(ABORT, 'what was told of a call''s end is never changed'); END;

-- Which runs hear of the ends of their calls, and how long they wait for them.
CREATE TABLE listening (
    owner   INTEGER NOT NULL,
    pabx    TEXT NOT NULL,
    timeout REAL NOT NULL,              -- seconds from an answer
    PRIMARY KEY (owner, pabx)
) STRICT, WITHOUT ROWID;
