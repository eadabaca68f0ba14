-- What an auditor reads, by the role linkid_auditor.

-- name: span
-- When the first and the last line were written.
SELECT min(at) AS first, max(at) AS last FROM audit.lines WHERE at >= $1;

-- name: lines_with
-- Lines of a span in which one of these few ids stands somewhere: bytes are searched, and nothing is parsed.
SELECT chain, seq, at, body FROM audit.lines
WHERE at >= $2 AND at <= $3 AND EXISTS (SELECT FROM unnest($1::bytea[]) AS id WHERE position(id IN body) > 0);

-- name: lines_about
-- The same for many ids: each line is parsed once, and its members looked up.
SELECT chain, seq, at, body FROM audit.lines
WHERE at >= $2 AND at <= $3 AND EXISTS (
    SELECT FROM jsonb_each_text(convert_from(body, 'UTF8')::jsonb) AS member WHERE member.value = ANY($1::text[])
);

-- name: every_line
-- All chains, whole, for an export.
SELECT chain, seq, body, hash FROM audit.lines ORDER BY chain, seq;

-- name: signed_heads
-- What SAMs signed, in the order in which each did.
SELECT signer, number, at, jws FROM audit.signed_heads ORDER BY signer, number;
