-- Passkeys in front of phones' keys.

-- name: add
-- The passkey that an approval enrolled.
INSERT INTO sam.passkeys (id, device, device_key, handle, public_key, counter, document, created_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: by_id
-- One passkey.
SELECT id, device, device_key, handle, public_key, counter, document, created_at, mac
FROM sam.passkeys WHERE id = $1;

-- name: count
-- It spoke: only if nothing that it said later was taken meanwhile.
UPDATE sam.passkeys SET counter = $3, mac = $4 WHERE id = $1 AND mac = $2 RETURNING id;
