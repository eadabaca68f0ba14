-- Phones of a credential.

-- name: add
-- A phone that proved the password.
INSERT INTO sam.bindings (id, credential, device, device_key, nickname, state, document, created_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: change
-- The next state of a binding, if it still is in the state it comes from.
UPDATE sam.bindings SET state = $3, mac = $4 WHERE id = $1 AND state = $2 RETURNING id;

-- name: by_id
-- One binding that has not ended.
SELECT id, credential, device, device_key, nickname, state, document, created_at, mac
FROM sam.bindings WHERE id = $1 AND state <> 'ended';

-- name: by_document
-- The binding that a pairing made, whatever became of it.
SELECT id, credential, device, device_key, nickname, state, document, created_at, mac
FROM sam.bindings WHERE document = $1;

-- name: of_device
-- What a phone is bound to.
SELECT id, credential, device, device_key, nickname, state, document, created_at, mac
FROM sam.bindings WHERE device = $1 AND state <> 'ended' ORDER BY created_at, id;

-- name: of_credentials
-- Every phone that is bound to some credentials.
SELECT id, credential, device, device_key, nickname, state, document, created_at, mac
FROM sam.bindings WHERE credential = ANY($1::text[]) AND state <> 'ended' ORDER BY created_at, id;

-- name: of_device_and_credential
-- The binding of one phone to one credential.
SELECT id, credential, device, device_key, nickname, state, document, created_at, mac
FROM sam.bindings WHERE device = $1 AND credential = $2 AND state <> 'ended';

-- name: hold
-- A binding that is active, and stays so until this transaction ends.
SELECT id FROM sam.bindings WHERE id = $1 AND state = 'active' FOR SHARE;
