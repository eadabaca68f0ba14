-- The evidence of a request's decision, for its holder.

-- name: decision
-- What was decided about a request (or about the consent, $2, under which it was opened), and the signatures that
-- followed, in the document's order.
SELECT d.decision, d.signer, d.device, d.proof_hash, d.signature, d.decided_at, x.created_at, g.signatures, g.signed_at
FROM sam.documents x
LEFT JOIN sam.decisions d ON d.document = coalesce($2, x.id)
LEFT JOIN sam.activations a ON a.document = x.id
LEFT JOIN sam.signatures g ON g.activation = a.id
WHERE x.id = $1;

-- name: history
-- Requests of some credentials that wait no more, the newest first, from after another one on: with their decision, and
-- how much was signed. A cursor that is nobody's, or somebody else's, ends the list.
SELECT d AS document, x.decision, x.device, x.decided_at, a.used, coalesce(cardinality(g.signatures), 0) AS signed
FROM sam.documents d
LEFT JOIN sam.decisions x ON x.document = d.id
LEFT JOIN sam.activations a ON a.document = d.id
LEFT JOIN sam.signatures g ON g.activation = a.id
WHERE d.credential = ANY($1::text[]) AND d.caller IS NOT NULL AND (d.state <> 'waiting' OR d.expires_at <= $3)
  AND ($2::text IS NULL OR (d.created_at, d.id) < (
      SELECT c.created_at, c.id FROM sam.documents c WHERE c.id = $2 AND c.credential = ANY($1::text[])))
ORDER BY d.created_at DESC, d.id DESC LIMIT $4;

-- name: lines
-- What the SAMs' chains say about a document at about a time.
SELECT body, hash FROM audit.lines
WHERE at BETWEEN $2 AND $3 AND starts_with(chain, 'sam-') AND convert_from(body, 'UTF8')::jsonb ->> 'document' = $1
ORDER BY at, chain, seq;
