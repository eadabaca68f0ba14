-- Uses of sessions.

-- name: of
-- The use that a counter served.
SELECT activation, counter, digest, count, total, signatures, mac FROM sam.uses WHERE activation = $1 AND counter = $2;

-- name: reserve
-- Take so many signatures of an open session for a counter that serves nobody yet: both, or nothing (no total, and the
-- transaction is to be undone, since a rival may have put the counter's row in between).
WITH taken AS (
    UPDATE sam.activations SET used = used + $4, last_used = $5
    WHERE id = $1 AND maximum IS NOT NULL AND used + $4 <= maximum AND NOT voided AND until > $5
      AND NOT EXISTS (SELECT FROM sam.uses WHERE activation = $1 AND counter = $2)
    RETURNING used
), reserved AS (
    INSERT INTO sam.uses (activation, counter, digest, count, total, reserved_at, mac)
    SELECT $1, $2, $3, $4, taken.used, $5, $6 FROM taken
    ON CONFLICT DO NOTHING RETURNING total
)
SELECT (SELECT total FROM reserved) AS total;

-- name: store_signatures
-- Signatures are stored for a use once; whoever comes second changes nothing, and hears of no row.
WITH stored AS (
    UPDATE sam.uses SET state = 'signed', signatures = $3, signed_at = $4
    WHERE activation = $1 AND counter = $2 AND state = 'reserved'
    RETURNING activation, counter, digest, count, total, signatures, mac
)
SELECT stored.* FROM (SELECT) AS always LEFT JOIN stored ON true;
