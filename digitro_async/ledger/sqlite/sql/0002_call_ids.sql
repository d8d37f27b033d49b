-- A call id is given once by a PABX: a second one tells of a stale answer.

-- Of acceptances with one call id the first may be true; nobody knows what became of the
-- others (state 6, step 6: see campaign/_codes.py). Their call ids stand in their events.
CREATE TEMP TABLE repeated AS
SELECT number, pabx, call_id
  FROM (SELECT number, contact.pabx, contact.call_id,
               row_number() OVER (PARTITION BY contact.pabx, contact.call_id
                                  ORDER BY told.last, settled_at, number) AS place
          FROM contact
          LEFT JOIN (SELECT contact, max(sequence) AS last
                       FROM event WHERE call_id IS NOT NULL GROUP BY contact) AS told
            ON told.contact = contact.number
         WHERE contact.call_id IS NOT NULL AND contact.pabx IS NOT NULL)
 WHERE place > 1;

INSERT INTO event (contact, step, at, pabx, call_id, reason)
SELECT number, 6, (julianday('now') - 2440587.5) * 86400.0, pabx, call_id,
       'repeated_call_id'
  FROM repeated ORDER BY number;

UPDATE contact
   SET state = 6, call_id = NULL, reason = 'repeated_call_id'
 WHERE number IN (SELECT number FROM repeated);

DROP TABLE repeated;

CREATE UNIQUE INDEX contact_call_id ON contact (pabx, call_id) WHERE call_id IS NOT NULL;
