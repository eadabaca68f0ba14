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
