-- Integrators, as operators' orders have them.

-- name: by_id
-- One integrator.
SELECT id, name, keys, state, order_id, operator, ordered_at, mac FROM sam.clients WHERE id = $1;

-- name: mac_of
-- What stands there now, good or forged.
SELECT mac FROM sam.clients WHERE id = $1;

-- name: put
-- What a newer order says, over exactly the row that was looked at; of two at once, the second writes nothing.
INSERT INTO sam.clients AS kept (id, name, keys, state, order_id, operator, ordered_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET name = $2, keys = $3, state = $4, order_id = $5, operator = $6, ordered_at = $7, mac = $8
WHERE kept.mac = $9 RETURNING id;
