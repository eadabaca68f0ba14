-- Consumed approvals and their occurrences.

-- name: look
-- An activation with all that using it is measured by, at one look: its document, credential and occurrences, and how
-- its caller stands. A document that is named by nobody's column but the activation's own, which its MAC covers.
SELECT a AS activation, d AS document, c AS credential, s AS association, i AS client,
       ARRAY(SELECT o FROM sam.occurrences o WHERE o.activation = a.id ORDER BY o.ordinal) AS occurrences,
       EXISTS (SELECT FROM sam.freezes f WHERE f.credential = a.credential AND f.caller = $2 AND f.lifted_at IS NULL)
           AS frozen
FROM sam.activations a
LEFT JOIN sam.documents d ON d.id = a.document
LEFT JOIN sam.credentials c ON c.id = a.credential
LEFT JOIN sam.associations s ON s.computer = $3 AND s.credential = a.credential AND s.state = 'active'
LEFT JOIN sam.clients i ON i.id = $3
WHERE a.id = $1;

-- name: forget
-- Take out what is sealed in activations that are over.
UPDATE sam.activations SET sealed = '' WHERE until < $1 AND sealed <> '' RETURNING id;

-- name: by_document
-- What a document's approval left.
SELECT id, until, voided FROM sam.activations WHERE document = $1;

-- name: occurrences
-- Its occurrences, in the order of the document.
SELECT ordinal, hash, state, signature FROM sam.occurrences WHERE activation = $1 ORDER BY ordinal;

-- name: store_signatures
-- At most one signature is ever stored for an occurrence; whoever comes second changes nothing. What stands there now.
UPDATE sam.occurrences o SET state = 'signed', signature = made.signature, signed_at = $3
FROM unnest($2::bytea[]) WITH ORDINALITY AS made (signature, ordinal)
WHERE o.activation = $1 AND o.ordinal = made.ordinal - 1 AND o.state <> 'signed'
RETURNING o.ordinal, o.hash, o.signature;

-- name: void_all
-- After a restore no approval counts any more.
UPDATE sam.activations SET voided = true WHERE NOT voided AND until > $1 RETURNING id;
