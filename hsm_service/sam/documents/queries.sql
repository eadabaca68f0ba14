-- Approval documents.

-- name: add
-- A document that waits for its decision.
INSERT INTO sam.documents (id, type, data, context, credential, device, caller, created_at, expires_at, mac,
                           verification_code)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: by_id
-- One document.
SELECT data, context, state, mac FROM sam.documents WHERE id = $1;

-- name: waiting_for_device
-- What a phone may decide now: its own documents, and requests of the credentials it is bound to.
SELECT data, context, state, mac FROM sam.documents
WHERE state = 'waiting' AND expires_at > $3
  AND (device = $1 OR (caller IS NOT NULL AND credential = ANY($2::text[])))
ORDER BY created_at, id;

-- name: waiting_for_credential
-- The waiting document of one type about a credential, the newest.
SELECT data, context, state, mac FROM sam.documents
WHERE credential = $1 AND type = $2 AND state = 'waiting' AND expires_at > $3 ORDER BY created_at DESC LIMIT 1;

-- name: expire_overdue
-- Make room: requests of a credential whose time is over no longer wait.
UPDATE sam.documents SET state = 'expired' WHERE credential = $1 AND state = 'waiting' AND expires_at <= $2;

-- name: count_waiting
-- How many requests of a credential wait.
SELECT count(*) FROM sam.documents WHERE credential = $1 AND caller IS NOT NULL AND state = 'waiting';

-- name: rested
-- Which of these verification codes no request of a credential has had since then, in the order given.
SELECT wanted.code FROM unnest($2::text[]) WITH ORDINALITY AS wanted (code, place)
WHERE NOT EXISTS (
    SELECT FROM sam.documents d
    WHERE d.credential = $1 AND d.caller IS NOT NULL AND d.verification_code = wanted.code AND d.created_at > $3)
ORDER BY wanted.place;

-- name: use_ask
-- What a caller signed serves once; the primary key says so to any number of rivals.
INSERT INTO sam.asks (caller, nonce, asked_at) VALUES ($1, $2, $3);

-- name: forget_asks
-- Asks so old that their own time refuses them.
DELETE FROM sam.asks WHERE asked_at <= $1;

-- name: decide
-- Consume: true for exactly one of any number of rivals.
UPDATE sam.documents SET state = $2 WHERE id = $1 AND state = 'waiting' RETURNING true;

-- name: void_all
-- After a restore nothing that waited counts any more.
UPDATE sam.documents SET state = 'withdrawn' WHERE state = 'waiting' RETURNING id;

-- name: void_credential
-- A credential that was revoked is asked for nothing more.
UPDATE sam.documents SET state = 'withdrawn' WHERE credential = $1 AND state = 'waiting' RETURNING id;

-- name: freeze
-- The holder said "it was not me".
INSERT INTO sam.freezes (credential, caller, document, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: frozen
-- Whether a caller is frozen for a credential.
SELECT EXISTS (SELECT FROM sam.freezes WHERE credential = $1 AND caller = $2 AND lifted_at IS NULL);

-- name: lift
-- Somebody with the right to do so lifted the freezes of a caller.
UPDATE sam.freezes SET lifted_at = $3 WHERE credential = $1 AND caller = $2 AND lifted_at IS NULL RETURNING document;
