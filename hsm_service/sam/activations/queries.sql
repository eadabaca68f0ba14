-- Consumed approvals, and what was signed under them.

-- name: look
-- An activation with all that using it is measured by, at one look: its document, credential, what was signed under it,
-- and how its caller stands. A document that is named by nobody's column but the activation's own, which its MAC covers.
SELECT a AS activation, d AS document, c AS credential, s AS association, i AS client,
       g.signatures,
       EXISTS (SELECT FROM sam.freezes f WHERE f.credential = a.credential AND f.caller = $2 AND f.lifted_at IS NULL)
           AS frozen
FROM sam.activations a
LEFT JOIN sam.documents d ON d.id = a.document
LEFT JOIN sam.credentials c ON c.id = a.credential
LEFT JOIN sam.associations s ON s.computer = $3 AND s.credential = a.credential AND s.state = 'active'
LEFT JOIN sam.clients i ON i.id = $3
LEFT JOIN sam.signatures g ON g.activation = a.id
WHERE a.id = $1;

-- name: add_session
-- A session that was approved; what an approval of listed hashes leaves, ``decisions.approval`` writes.
INSERT INTO sam.activations (id, document, credential, sealed, until, mac, maximum, binding, caller, consent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: add_listed
-- What right factors opened over listed hashes.
INSERT INTO sam.activations (id, document, credential, sealed, until, mac, consent)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: session
-- A session and its document.
SELECT a AS activation, d AS document FROM sam.activations a LEFT JOIN sam.documents d ON d.id = a.document
WHERE a.id = $1;

-- name: look_session
-- A session with all that a use of it is measured by, at one look; and what its counter served before.
SELECT a AS activation, d AS document, c AS credential, b AS binding, s AS association, i AS client, u AS use,
       EXISTS (SELECT FROM sam.freezes f WHERE f.credential = a.credential AND f.caller = $2 AND f.lifted_at IS NULL)
           AS frozen
FROM sam.activations a
LEFT JOIN sam.documents d ON d.id = a.document
LEFT JOIN sam.credentials c ON c.id = a.credential
LEFT JOIN sam.bindings b ON b.id = a.binding AND b.state <> 'ended'
LEFT JOIN sam.associations s ON s.computer = $3 AND s.credential = a.credential AND s.state = 'active'
LEFT JOIN sam.clients i ON i.id = $3
LEFT JOIN sam.uses u ON u.activation = a.id AND u.counter = $4
WHERE a.id = $1;

-- name: forget
-- Take out what is sealed in activations that are over.
UPDATE sam.activations SET sealed = '' WHERE until < $1 AND sealed <> '' RETURNING id;

-- name: by_document
-- What a document's approval left.
SELECT id, until, voided FROM sam.activations WHERE document = $1;

-- name: signatures
-- What was signed under it, in the order of the document.
SELECT signatures FROM sam.signatures WHERE activation = $1;

-- name: store_signatures
-- An activation's signatures are stored once, all of them; whoever comes second changes nothing. What was stored, or
-- null.
WITH stored AS (
    INSERT INTO sam.signatures (activation, signatures, signed_at)
    SELECT id, $2, $3 FROM sam.activations WHERE id = $1
    ON CONFLICT DO NOTHING RETURNING signatures
)
SELECT (SELECT signatures FROM stored) AS signatures;

-- name: void_all
-- After a restore no approval counts any more.
UPDATE sam.activations SET voided = true WHERE NOT voided AND until > $1 RETURNING id, credential, maximum;

-- name: sessions_of
-- The sessions of some credentials that are open still, the newest first.
SELECT id FROM sam.activations
WHERE credential = ANY($1::text[]) AND maximum IS NOT NULL AND NOT voided AND until > $2 AND sealed <> ''
ORDER BY until DESC, id;

-- name: session_of
-- The credential of a session.
SELECT credential FROM sam.activations WHERE id = $1 AND maximum IS NOT NULL;

-- name: void_approvals
-- What a credential's holder approved hash by hash and nobody used yet; what it sealed goes with it.
UPDATE sam.activations SET voided = true, sealed = ''
WHERE credential = $1 AND maximum IS NULL AND NOT voided AND until > $2 RETURNING id;

-- name: end_session
-- One session is over: what it sealed goes with it.
UPDATE sam.activations SET voided = true, sealed = '' WHERE id = $1 AND maximum IS NOT NULL AND NOT voided
RETURNING id, credential;

-- name: end_session_of
-- One session of one caller is over, because the caller gives it back.
UPDATE sam.activations SET voided = true, sealed = ''
WHERE id = $1 AND caller = $2 AND maximum IS NOT NULL AND NOT voided RETURNING id, credential;

-- name: end_sessions
-- The sessions of a credential (null: of all) of one caller, or that one phone's binding approved, or all (both null).
UPDATE sam.activations SET voided = true, sealed = ''
WHERE maximum IS NOT NULL AND NOT voided AND until > $4 AND ($1::text IS NULL OR credential = $1)
  AND ($2::text IS NULL OR caller = $2) AND ($3::text IS NULL OR binding = $3)
RETURNING id, credential;

-- name: end_consented
-- What rests on consents that are over: what it sealed goes with it.
UPDATE sam.activations SET voided = true, sealed = '' WHERE consent = ANY($1::text[]) AND NOT voided
RETURNING id, credential, maximum;
