-- The evidence of decisions.

-- name: add
-- Who decided what, with the signature over it.
INSERT INTO sam.decisions (document, decision, signer, device, document_hash, proof_hash, signature, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: of
-- The decision about a document.
SELECT document, decision, signer, device, document_hash, proof_hash, signature, decided_at
FROM sam.decisions WHERE document = $1;

-- name: outcome
-- A document with what its decision left: the evidence, and id and end of the activation.
SELECT d AS document, e AS evidence, a.id AS activation, a.until
FROM sam.documents d
LEFT JOIN sam.decisions e ON e.document = d.id
LEFT JOIN sam.activations a ON a.document = d.id
WHERE d.id = $1;

-- name: look
-- A request for signatures with all that its decision is measured by, at one look: the phone's binding, the credential,
-- the ladder, and the try that this very proof took before.
SELECT d AS document, b AS binding, c AS credential, a AS ladder, t AS tried
FROM sam.documents d
LEFT JOIN sam.credentials c ON c.id = d.credential
LEFT JOIN sam.bindings b ON b.credential = d.credential AND b.device = $2 AND b.state <> 'ended'
LEFT JOIN sam.attempts a ON a.credential = d.credential AND a.purpose = 'sign'
LEFT JOIN sam.tries t ON t.credential = d.credential AND t.purpose = 'sign' AND t.proof = $3
WHERE d.id = $1;

-- name: approve
-- 7f for a request, whole or not at all: the ladder is forgiven over exactly the row that was read, the phone is bound
-- still, behind the same passkey or none (and stays so until this is committed), the document waits still; only then the
-- evidence and the activation, which reserves all that was approved. Says which of the three held.
WITH ladder AS (
    UPDATE sam.attempts SET forgiven = $8, mac = $9 WHERE credential = $2 AND purpose = 'sign' AND mac = $10
    RETURNING credential
), binding AS (
    SELECT id FROM sam.bindings WHERE id = $3 AND state = 'active' AND turns = $17 FOR SHARE
), consumed AS (
    UPDATE sam.documents SET state = 'approved'
    WHERE id = $1 AND state = 'waiting' AND EXISTS (SELECT FROM ladder) AND EXISTS (SELECT FROM binding) RETURNING id
), evidence AS (
    INSERT INTO sam.decisions (document, decision, signer, device, document_hash, proof_hash, signature, decided_at)
    SELECT id, 'approve', $4, $5, $6, $7, $11, $12 FROM consumed
), activation AS (
    INSERT INTO sam.activations (id, document, credential, sealed, until, mac)
    SELECT $13, id, $2, $14, $15, $16 FROM consumed
)
SELECT EXISTS (SELECT FROM ladder) AS ladder, EXISTS (SELECT FROM binding) AS bound,
       EXISTS (SELECT FROM consumed) AS consumed;
