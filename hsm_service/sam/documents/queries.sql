-- Approval documents.

-- name: add
-- A document that waits for its decision.
INSERT INTO sam.documents (id, type, data, context, credential, device, caller, created_at, expires_at, mac,
                           verification_code)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: add_opened
-- What an application opened with the holder's factors: approved when it is written, because a consent was before.
INSERT INTO sam.documents (id, type, data, context, credential, caller, state, created_at, expires_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, 'approved', $7, $8, $9);

-- name: add_ask
-- A caller's signature of its ask, used up.
INSERT INTO sam.asks (caller, nonce, asked_at) VALUES ($1, $2, $3);

-- name: by_id
-- One document.
SELECT data, context, state, mac FROM sam.documents WHERE id = $1;

-- name: to_state
-- A document with what telling it to a phone takes, at one look: for a request the phone's binding, and its credential.
SELECT d AS document, b AS binding, c AS credential FROM sam.documents d
LEFT JOIN sam.credentials c ON c.id = d.credential
LEFT JOIN sam.bindings b ON b.credential = d.credential AND b.device = $2 AND b.state <> 'ended'
WHERE d.id = $1;

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

-- name: look
-- What an ask is measured by, at one look: the credential, its caller, the ladder, and those of these verification codes
-- that no request of the credential has had since then, in the order given.
SELECT c AS credential, s AS association, i AS client, a AS ladder,
       ARRAY(SELECT wanted.code FROM unnest($3::text[]) WITH ORDINALITY AS wanted (code, place)
             WHERE NOT EXISTS (
                 SELECT FROM sam.documents d WHERE d.credential = c.id AND d.caller IS NOT NULL
                 AND d.verification_code = wanted.code AND d.created_at > $4)
             ORDER BY wanted.place) AS codes
FROM sam.credentials c
LEFT JOIN sam.associations s ON s.computer = $2 AND s.credential = c.id AND s.state = 'active'
LEFT JOIN sam.clients i ON i.id = $2
LEFT JOIN sam.attempts a ON a.credential = c.id AND a.purpose = 'sign'
WHERE c.id = $1;

-- name: fix
-- A request, if there is room for it: not too many wait, its caller is not frozen, its code rests. Which of them held.
-- The credential's row is locked by then (``credentials.lock``), so that nobody fixes another one meanwhile.
WITH room AS (
    SELECT (SELECT count(*) FROM sam.documents WHERE credential = $5 AND caller IS NOT NULL AND state = 'waiting'
            AND expires_at > $8) < $12 AS free,
           EXISTS (SELECT FROM sam.freezes WHERE credential = $5 AND caller = $7 AND lifted_at IS NULL) AS frozen,
           NOT EXISTS (SELECT FROM sam.documents WHERE credential = $5 AND caller IS NOT NULL AND verification_code = $11
                       AND created_at > $13) AS code_rests
), ask AS (
    INSERT INTO sam.asks (caller, nonce, asked_at) SELECT $14, $15, $8 WHERE $15::bytea IS NOT NULL RETURNING nonce
), fixed AS (
    INSERT INTO sam.documents (id, type, data, context, credential, device, caller, created_at, expires_at, mac,
                               verification_code)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM room
    WHERE free AND NOT frozen AND code_rests
      AND (SELECT count(*) FROM ask) >= 0 -- the ask first: one that was used before is refused as such
    RETURNING id
)
SELECT free, frozen, code_rests FROM room;

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

-- name: freezes
-- Who is frozen for a credential, and since when: for the operator whom its holder calls.
SELECT caller, min(since) AS since FROM sam.freezes WHERE credential = $1 AND lifted_at IS NULL
GROUP BY caller ORDER BY min(since), caller;

-- name: lift
-- Somebody with the right to do so lifted the freezes of a caller.
UPDATE sam.freezes SET lifted_at = $3 WHERE credential = $1 AND caller = $2 AND lifted_at IS NULL RETURNING document;
