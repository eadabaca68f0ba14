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
