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

-- name: lines_about
-- Lines that name one of these ids in any member, oldest first. Reads every line: for people, not for processes.
SELECT chain, seq, at, body FROM audit.lines
WHERE at >= $2 AND EXISTS (
    SELECT FROM jsonb_each_text(convert_from(body, 'UTF8')::jsonb) AS member WHERE member.value = ANY($1::text[])
)
ORDER BY at, chain, seq;

-- name: every_line
-- All chains, whole, for an export.
SELECT chain, seq, body, hash FROM audit.lines ORDER BY chain, seq;

-- name: signed_heads
-- What SAMs signed, in the order in which each did.
SELECT signer, number, at, jws FROM audit.signed_heads ORDER BY signer, number;

-- name: newest_signed
-- The last that this SAM signed.
SELECT number, jws FROM audit.signed_heads WHERE signer = $1 ORDER BY number DESC LIMIT 1;

-- name: add_signed
-- One more; two processes of one name cannot both take a number.
INSERT INTO audit.signed_heads (signer, number, at, jws) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING number;

-- name: remember_proof
-- True exactly once for each proof, however many gateways ask at the same time.
INSERT INTO web.seen_proofs (digest, until) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true;

-- name: forget_proofs
-- Remove a bounded number of proofs that can no longer be replayed, the oldest first.
DELETE FROM web.seen_proofs
WHERE digest IN (SELECT digest FROM web.seen_proofs WHERE until < $1 ORDER BY until LIMIT $2);
