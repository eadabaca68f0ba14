-- What belongs to no room.

-- name: recent_lines
-- The last lines of every SAM's audit chain, chain by chain, in order.
SELECT chain, seq, body, hash FROM audit.lines WHERE at > $1 AND starts_with(chain, 'sam-') ORDER BY chain, seq;
