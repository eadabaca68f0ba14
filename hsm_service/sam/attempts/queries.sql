-- The ladder of wrong passwords.

-- name: begin
-- The row of a credential and purpose, made when it is missing.
INSERT INTO sam.attempts (credential, purpose, total, forgiven, last_at, mac) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: lock
-- The row, held until the transaction ends: tries are reserved one after the other.
SELECT credential, purpose, total, forgiven, last_at, mac FROM sam.attempts
WHERE credential = $1 AND purpose = $2 FOR UPDATE;

-- name: look
-- The row, to know whether it is locked.
SELECT credential, purpose, total, forgiven, last_at, mac FROM sam.attempts WHERE credential = $1 AND purpose = $2;

-- name: change
-- The numbers after a try.
UPDATE sam.attempts SET total = $3, forgiven = $4, last_at = $5, mac = $6 WHERE credential = $1 AND purpose = $2;

-- name: tried
-- The try that a proof took, if it took one.
SELECT credential, purpose, proof, ordinal, mac FROM sam.tries WHERE credential = $1 AND purpose = $2 AND proof = $3;

-- name: add_try
-- This proof takes this try.
INSERT INTO sam.tries (credential, purpose, proof, ordinal, tried_at, mac) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: repeat_try
-- The same proof came again.
UPDATE sam.tries SET repeated = true WHERE credential = $1 AND purpose = $2 AND proof = $3;

-- name: take_try_back
-- The password was never tried; the same proof will be a new try.
DELETE FROM sam.tries WHERE credential = $1 AND purpose = $2 AND proof = $3 AND ordinal = $4 AND NOT repeated
RETURNING ordinal;

-- name: forget_tries
-- Proofs whose documents are over since long: nobody can repeat them.
DELETE FROM sam.tries WHERE tried_at < $1;
