-- Consumed approvals and their occurrences.

-- name: add
-- A consumed approval.
INSERT INTO sam.activations (id, document, credential, sealed, until, mac, maximum, binding, caller)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: add_occurrences
-- One row for each hash, as often as it was approved.
INSERT INTO sam.occurrences (activation, ordinal, hash)
SELECT $1, one.ordinal, one.hash FROM unnest($2::smallint[], $3::bytea[]) AS one (ordinal, hash);

-- name: document_of
-- Which document an activation came from, and whether what it sealed was forgotten since.
SELECT document, sealed = '' AS forgotten FROM sam.activations WHERE id = $1;

-- name: forget
-- Take out what is sealed in activations that are over.
UPDATE sam.activations SET sealed = '' WHERE until < $1 AND sealed <> '' RETURNING id;

-- name: by_id
-- One activation.
SELECT id, document, credential, sealed, until, voided, mac, maximum, binding, used, last_used
FROM sam.activations WHERE id = $1;

-- name: by_document
-- What a document's approval left.
SELECT id, until, voided FROM sam.activations WHERE document = $1;

-- name: occurrences
-- Its occurrences, in the order of the document.
SELECT ordinal, hash, state, signature FROM sam.occurrences WHERE activation = $1 ORDER BY ordinal;

-- name: reserve
-- Written before anything is signed: after a crash we know what may have been.
UPDATE sam.occurrences SET state = 'reserved' WHERE activation = $1 AND state = 'approved';

-- name: store_signatures
-- At most one signature is ever stored for an occurrence; whoever comes second changes nothing.
UPDATE sam.occurrences o SET state = 'signed', signature = made.signature, signed_at = $4
FROM unnest($2::smallint[], $3::bytea[]) AS made (ordinal, signature)
WHERE o.activation = $1 AND o.ordinal = made.ordinal AND o.state = 'reserved' RETURNING o.ordinal;

-- name: void_all
-- After a restore no approval counts any more.
UPDATE sam.activations SET voided = true WHERE NOT voided AND until > $1 RETURNING id;

-- name: sessions_of
-- The sessions of some credentials that are open still, the newest first.
SELECT id FROM sam.activations
WHERE credential = ANY($1::text[]) AND maximum IS NOT NULL AND NOT voided AND until > $2 AND sealed <> ''
ORDER BY until DESC, id;

-- name: session_of
-- The credential of a session.
SELECT credential FROM sam.activations WHERE id = $1 AND maximum IS NOT NULL;

-- name: end_session
-- One session is over: what it sealed goes with it.
UPDATE sam.activations SET voided = true, sealed = '' WHERE id = $1 AND maximum IS NOT NULL AND NOT voided
RETURNING id, credential;

-- name: end_sessions
-- The sessions of a credential (null: of all) of one caller, or that one phone's binding approved, or all (both null).
UPDATE sam.activations SET voided = true, sealed = ''
WHERE maximum IS NOT NULL AND NOT voided AND until > $4 AND ($1::text IS NULL OR credential = $1)
  AND ($2::text IS NULL OR caller = $2) AND ($3::text IS NULL OR binding = $3)
RETURNING id, credential;
