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

-- name: standing
-- The row, and the try that a proof took, at one look.
SELECT a AS ladder, t AS tried FROM sam.attempts a
LEFT JOIN sam.tries t ON t.credential = a.credential AND t.purpose = a.purpose AND t.proof = $3
WHERE a.credential = $1 AND a.purpose = $2;

-- name: take_try
-- This proof takes the next try, over exactly the row that was read (its MAC says which); no total when it is another.
WITH ladder AS (
    UPDATE sam.attempts SET total = $4, forgiven = $5, last_at = $6, mac = $7
    WHERE credential = $1 AND purpose = $2 AND mac = $3 RETURNING credential, purpose, total
), tried AS (
    INSERT INTO sam.tries (credential, purpose, proof, ordinal, tried_at, mac)
    SELECT ladder.credential, ladder.purpose, $8, $9, $10, $11 FROM ladder ON CONFLICT DO NOTHING
)
SELECT (SELECT total FROM ladder) AS total;

-- name: change
-- The numbers after a try.
UPDATE sam.attempts SET total = $3, forgiven = $4, last_at = $5, mac = $6 WHERE credential = $1 AND purpose = $2;

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
