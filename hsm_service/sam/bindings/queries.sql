-- Phones of a credential.

-- name: add
-- A phone that proved the password.
INSERT INTO sam.bindings (id, credential, device, device_key, nickname, state, document, created_at, mac, until, passkey,
                          turns)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: change
-- The next state of a binding, if it still is what it was.
UPDATE sam.bindings SET state = $4, mac = $5 WHERE id = $1 AND state = $2 AND turns = $3 RETURNING id;

-- name: guard
-- A passkey speaks for this phone from now on, or none does any more; if the binding still is what it was.
UPDATE sam.bindings SET passkey = $4, turns = $5, mac = $6 WHERE id = $1 AND state = $2 AND turns = $3 RETURNING id;

-- name: queue_for
-- From here to the end of the transaction nobody else finds out whether a phone of this credential is the first.
SELECT pg_advisory_xact_lock(hashtextextended('first phone ' || $1::text, 0));

-- name: queue_for_phone
-- From here to the end of the transaction nobody else binds this phone, or turns its passkey.
SELECT pg_advisory_xact_lock(hashtextextended('passkey of ' || $1::text, 0));

-- name: another_was_first
-- Whether a phone of this credential was confirmed before, whatever became of it.
SELECT EXISTS (SELECT FROM sam.bindings WHERE credential = $1 AND id <> $2 AND (first OR state IN ('waiting', 'active')));

-- name: confirm
-- The test of a binding came back.
UPDATE sam.bindings SET state = $3, until = $4, first = $5, mac = $6 WHERE id = $1 AND state = 'trial' AND turns = $2
RETURNING id;

-- name: waited
-- Phones whose wait is over.
SELECT id, credential, device, device_key, nickname, state, document, created_at, until, passkey, turns, mac
FROM sam.bindings WHERE state = 'waiting' AND until <= $1 ORDER BY until LIMIT 100;

-- name: by_id
-- One binding that has not ended.
SELECT id, credential, device, device_key, nickname, state, document, created_at, until, passkey, turns, mac
FROM sam.bindings WHERE id = $1 AND state <> 'ended';

-- name: by_document
-- The binding that a pairing made, whatever became of it.
SELECT id, credential, device, device_key, nickname, state, document, created_at, until, passkey, turns, mac
FROM sam.bindings WHERE document = $1;

-- name: of_device
-- What a phone is bound to.
SELECT id, credential, device, device_key, nickname, state, document, created_at, until, passkey, turns, mac
FROM sam.bindings WHERE device = $1 AND state <> 'ended' ORDER BY created_at, id;

-- name: of_credentials
-- Every phone that is bound to some credentials.
SELECT id, credential, device, device_key, nickname, state, document, created_at, until, passkey, turns, mac
FROM sam.bindings WHERE credential = ANY($1::text[]) AND state <> 'ended' ORDER BY created_at, id;

-- name: of_device_and_credential
-- The binding of one phone to one credential.
SELECT id, credential, device, device_key, nickname, state, document, created_at, until, passkey, turns, mac
FROM sam.bindings WHERE device = $1 AND credential = $2 AND state <> 'ended';

-- name: hold
-- A binding that is active, and stays so until this transaction ends; guarded as it was ($2: turns; null: however).
SELECT id FROM sam.bindings WHERE id = $1 AND state = 'active' AND turns = coalesce($2, turns) FOR SHARE;
