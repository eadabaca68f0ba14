-- The foundation's own statements: the audit chain and the memory of used proofs.

-- name: lock_head
-- Take the chain's head for this transaction: whoever comes next waits until it ends.
SELECT seq, hash FROM audit.lock_head($1);

-- name: append
-- The next lines of a chain after the head that is expected, and the new head, taken as ``lock_head`` does. When the
-- chain ends elsewhere nothing is added, and this is where.
SELECT seq, hash, added FROM audit.append($1, $2, $3, $4);

-- name: head
-- The head as the database has it, without locking.
SELECT seq, hash FROM audit.heads WHERE chain = $1;

-- name: heads
-- Where every chain ends.
SELECT chain, seq, hash FROM audit.heads ORDER BY chain;

-- name: line_hash
-- The hash of one line, to see whether a head kept outside is still part of the chain.
SELECT hash FROM audit.lines WHERE chain = $1 AND seq = $2;

-- name: lines
-- A chain from its beginning, for verification.
SELECT seq, at, body, hash FROM audit.lines WHERE chain = $1 ORDER BY seq;

-- name: lines_between
-- The lines after one head, up to another.
SELECT seq, body, hash FROM audit.lines WHERE chain = $1 AND seq > $2 AND seq <= $3 ORDER BY seq;

-- name: remember_proofs
-- Those that nobody saw before: each comes back exactly once, however many gateways ask at the same time.
INSERT INTO web.seen_proofs (digest, until) SELECT * FROM unnest($1::bytea[], $2::timestamptz[])
ON CONFLICT DO NOTHING RETURNING digest;

-- name: forget_proofs
-- Remove a bounded number of proofs that can no longer be replayed, the oldest first.
DELETE FROM web.seen_proofs
WHERE digest IN (SELECT digest FROM web.seen_proofs WHERE until < $1 ORDER BY until LIMIT $2);
