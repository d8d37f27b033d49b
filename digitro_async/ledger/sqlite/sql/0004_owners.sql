-- Who claims contacts, and until when nobody else may have their claims.
CREATE TABLE owner (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    label       TEXT NOT NULL,          -- for people; nothing private
    began_at    REAL NOT NULL,          -- Unix time
    lease_until REAL NOT NULL           -- Unix time
) STRICT;

-- Who claims a contact, or did last; none where an earlier version claimed it.
ALTER TABLE contact ADD COLUMN owner INTEGER;

-- Whose step it was, of intents and what came of them.
ALTER TABLE event ADD COLUMN owner INTEGER;
