-- The evidence of a request's decision, for its holder.

-- name: decision
-- What was decided about a request, and the signatures that followed, in the document's order.
SELECT d.decision, d.signer, d.device, d.proof_hash, d.signature, d.decided_at, signed.signatures, signed.signed_at
FROM sam.decisions d
LEFT JOIN sam.activations a ON a.document = d.document
LEFT JOIN LATERAL (
    SELECT array_agg(o.signature ORDER BY o.ordinal) AS signatures, max(o.signed_at) AS signed_at
    FROM sam.occurrences o WHERE o.activation = a.id
) AS signed ON true
WHERE d.document = $1;

-- name: lines
-- What the SAMs' chains say about a document at about a time.
SELECT body, hash FROM audit.lines
WHERE at BETWEEN $2 AND $3 AND starts_with(chain, 'sam-') AND convert_from(body, 'UTF8')::jsonb ->> 'document' = $1
ORDER BY at, chain, seq;
