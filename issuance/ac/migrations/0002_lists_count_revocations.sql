-- How many revocations there had ever been when a list was made: more by now means that it is due, also when making it
-- failed right after a revocation.
ALTER TABLE ac.crls ADD COLUMN revocations bigint NOT NULL DEFAULT 0;
