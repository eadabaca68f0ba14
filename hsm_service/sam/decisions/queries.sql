-- The evidence of decisions.

-- name: add
-- Who decided what, with the signature over it.
INSERT INTO sam.decisions (document, decision, signer, device, document_hash, proof_hash, signature, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: of
-- The decision about a document.
SELECT document, decision, signer, device, document_hash, proof_hash, signature, decided_at
FROM sam.decisions WHERE document = $1;
