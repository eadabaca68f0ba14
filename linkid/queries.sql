-- What an auditor reads, by the role linkid_auditor.

-- name: lines_about
-- Lines that name one of these ids in any member, oldest first. Reads every line: for people, not for processes.
SELECT chain, seq, at, body FROM audit.lines
WHERE at >= $2 AND EXISTS (
    SELECT FROM jsonb_each_text(convert_from(body, 'UTF8')::jsonb) AS member WHERE member.value = ANY($1::text[])
)
ORDER BY at, chain, seq;

-- name: every_line
-- All chains, whole, for an export.
SELECT chain, seq, body, hash FROM audit.lines ORDER BY chain, seq;

-- name: signed_heads
-- What SAMs signed, in the order in which each did.
SELECT signer, number, at, jws FROM audit.signed_heads ORDER BY signer, number;
