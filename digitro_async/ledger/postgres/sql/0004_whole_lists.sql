-- Which contacts may be of a list that is not in the campaign to its end.

-- The number of the last contact that was there before the import began, or before one
-- that it succeeds. Contacts above it may be the import's: none is dialled until it is
-- whole. 0 where nobody noted it: of a list that was put in by an earlier version, or
-- that was copied from another ledger.
ALTER TABLE digitro.import ADD COLUMN contacts_before bigint NOT NULL DEFAULT 0;
