-- The foundation's own statements: the audit chain and the memory of used proofs.

-- name: lock_head
-- Take the chain's head for this transaction: whoever comes next waits until it ends.
SELECT seq, hash FROM audit.lock_head($1);

-- name: append_lines
-- Add the next lines of a chain, in order; the trigger refuses any that does not follow.
INSERT INTO audit.lines (chain, seq, at, body, hash)
SELECT $1, line.seq, line.at, line.body, line.hash
FROM unnest($2::bigint[], $3::timestamptz[], $4::bytea[], $5::bytea[]) AS line (seq, at, body, hash)
ORDER BY line.seq;

-- name: append_next
-- The chain's head, taken as ``lock_head`` does; and, when it is the one expected, its next lines, at the same look.
WITH head AS MATERIALIZED (SELECT seq, hash FROM audit.lock_head($1)), added AS (
    INSERT INTO audit.lines (chain, seq, at, body, hash)
    SELECT $1, line.seq, line.at, line.body, line.hash
    FROM head, unnest($2::bigint[], $3::timestamptz[], $4::bytea[], $5::bytea[]) AS line (seq, at, body, hash)
    WHERE head.seq = $6 AND head.hash = $7
    ORDER BY line.seq
    RETURNING seq
)
SELECT seq, hash, EXISTS (SELECT FROM added) AS added FROM head;

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
