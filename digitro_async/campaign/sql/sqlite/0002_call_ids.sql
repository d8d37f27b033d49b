-- A call id is given once by a PABX: a second one tells of a stale answer.
CREATE UNIQUE INDEX contact_call_id ON contact (pabx, call_id) WHERE call_id IS NOT NULL;
