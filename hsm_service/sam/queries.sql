-- What belongs to no room.

-- name: sam_chains
-- The audit chains of all SAMs, whatever the table of heads says; one look into the index for each, not all lines.
WITH RECURSIVE found (chain) AS (
    (SELECT l.chain FROM audit.lines l WHERE l.chain >= 'sam-' ORDER BY l.chain LIMIT 1)
    UNION ALL
    (SELECT next.chain FROM found
     CROSS JOIN LATERAL (SELECT l.chain FROM audit.lines l WHERE l.chain > found.chain ORDER BY l.chain LIMIT 1) AS next)
)
SELECT chain FROM found WHERE starts_with(chain, 'sam-') ORDER BY chain;

-- name: lines_backwards
-- The lines of one chain, the newest first.
SELECT seq, body, hash FROM audit.lines WHERE chain = $1 ORDER BY seq DESC;

-- name: newest_signed
-- The last that this SAM signed.
SELECT number, jws FROM audit.signed_heads WHERE signer = $1 ORDER BY number DESC LIMIT 1;

-- name: add_signed
-- One more; two processes of one name cannot both take a number.
INSERT INTO audit.signed_heads (signer, number, at, jws) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING number;
