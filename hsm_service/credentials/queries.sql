-- Holders are ours; facts about credentials are read from the SAM's view and never written.

-- name: facts
-- What most calls look at in credentials with a certificate. Two states have one, by a CHECK of the SAM's table: whose
-- kilobytes are not fetched to see it.
SELECT id, spki_hash, subject, serial, valid_from, valid_to, state, key_algorithm
FROM sam.credential_facts WHERE id = ANY($1::text[]) AND (state IN ('active', 'revoked') OR cardinality(chain) > 0);

-- name: credentials
-- Those of the named credentials that exist and have a certificate, the one valid longest first. A key that waits for
-- its certificate is nobody's business yet.
SELECT id, spki_hash, chain, subject, serial, valid_from, valid_to, state, key_algorithm
FROM sam.credential_facts WHERE id = ANY($1::text[]) AND cardinality(chain) > 0 ORDER BY valid_to DESC, id;

-- name: credentials_for_number
-- What belongs to the holders reached at a telephone number, with the kind of holder.
SELECT c.id, c.spki_hash, c.chain, c.subject, c.serial, c.valid_from, c.valid_to, c.state, c.key_algorithm, h.kind
FROM credentials.holders h
JOIN credentials.holdings g ON g.holder = h.id
JOIN sam.credential_facts c ON c.id = g.credential
WHERE h.phone = $1 AND cardinality(c.chain) > 0
ORDER BY c.valid_to DESC, c.id;

-- name: held
-- Those of these credentials with a certificate that belong to somebody, with the kind of holder.
SELECT c.id, c.spki_hash, c.chain, c.subject, c.serial, c.valid_from, c.valid_to, c.state, c.key_algorithm, h.kind
FROM sam.credential_facts c
JOIN credentials.holdings o ON o.credential = c.id
JOIN credentials.holders h ON h.id = o.holder
WHERE c.id = ANY($1::text[]) AND cardinality(c.chain) > 0
ORDER BY c.valid_to DESC, c.id;

-- name: holder_of
-- Whose a credential is.
SELECT h.id, h.name, h.phone, h.email, h.kind
FROM credentials.holdings g JOIN credentials.holders h ON h.id = g.holder WHERE g.credential = $1;

-- name: find_holders
-- Holders by any one thing that somebody on the telephone can say. Null: not by that. For the operator.
SELECT h.id, h.name, h.phone, h.email, h.kind
FROM credentials.holders h
WHERE h.id = $1 OR h.phone = $2 OR lower(h.email) = lower($3::text)
   OR h.id IN (SELECT holder FROM credentials.holdings WHERE credential = ANY ($4::text[]))
   OR strpos(lower(h.name), lower($5::text)) > 0
ORDER BY h.name, h.id LIMIT $6;

-- name: holdings
-- What belongs to a holder.
SELECT credential FROM credentials.holdings WHERE holder = $1 ORDER BY since DESC, credential;

-- name: lock_holder
-- Two emissions of one person at the same moment must find or make one holder: they queue on this text.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: same_holder
-- A holder of whom everything we know agrees (there is no CPF here to compare by).
SELECT id FROM credentials.holders
WHERE name = $1 AND phone = $2 AND email IS NOT DISTINCT FROM $3 AND kind = $4 ORDER BY created_at, id LIMIT 1;

-- name: add_holder
-- A holder we did not know.
INSERT INTO credentials.holders (id, name, phone, email, kind, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: add_holding
-- A credential becomes a holder's, once; nothing comes back when it already is somebody's.
INSERT INTO credentials.holdings (credential, holder, since) VALUES ($1, $2, $3)
ON CONFLICT (credential) DO NOTHING RETURNING holder;

-- name: add_identification
-- Under which CPF or CNPJ a credential is found, as a keyed digest; null when its certificate bears none.
INSERT INTO credentials.identifications (credential, digest) VALUES ($1, $2) ON CONFLICT (credential) DO NOTHING;

-- name: by_identification
-- Whose number this digest is of.
SELECT credential FROM credentials.identifications WHERE digest = $1 ORDER BY credential;

-- name: unidentified
-- Credentials that nobody looked at yet (made before this table was), in the order of their ids.
SELECT c.id, c.chain FROM sam.credential_facts c LEFT JOIN credentials.identifications i ON i.credential = c.id
WHERE i.credential IS NULL AND cardinality(c.chain) > 0 AND c.id > $1 ORDER BY c.id LIMIT $2;
