-- Attempts that count against the contact: the PABX and the way to it are not its fault.
ALTER TABLE contact ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

-- Until now the reason of the last attempt told for all of them.
UPDATE contact
   SET failures = attempts
 WHERE state IN (1, 2)
   AND ifnull(reason, '') NOT IN
       ('cancelled', 'configuration', 'connect_failed', 'connect_timeout',
        'connection_lost', 'malformed_answer', 'no_such_host', 'oversized_answer',
        'pool_timeout', 'status_401', 'status_403', 'status_404', 'status_405',
        'status_406', 'status_407', 'status_411', 'status_415', 'status_417',
        'status_421', 'status_426', 'status_431', 'throttled', 'timeout', 'tls_failed',
        'too_many_interim_answers', 'truncated_answer');

-- Finds the evidence of a reconciled contact (steps 11 and 12: see ledger/_codes.py).
CREATE INDEX event_evidence ON event (contact) WHERE step IN (11, 12);

-- Until now files gave ids with the sign by which a spreadsheet marks text; these contacts
-- are known by both (see ledger/sqlite/_open_imports.py).
INSERT INTO setting (name, value)
SELECT 'marked_ids_until', last
  FROM (SELECT max(number) AS last
          FROM person WHERE substr(id, 1, 1) IN (char(39), '='))
 WHERE last IS NOT NULL;
