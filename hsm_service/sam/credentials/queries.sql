-- Keys and certificates.

-- name: add
-- A credential that waits for its key; nothing comes back when the emission has one already.
INSERT INTO sam.credentials (id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p,
                             kek, pepper, created_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (emission) DO NOTHING RETURNING id;

-- name: change
-- The next state of a credential, if it still is in the state it comes from, and nobody shut or opened it meanwhile.
UPDATE sam.credentials
SET state = $3, kek = $4, pepper = $5, spki = $6, bound = $7, request = $8, chain = $9, subject = $10, serial = $11,
    valid_from = $12, valid_to = $13, mac = $14
WHERE id = $1 AND state = $2 AND blocks = $15 RETURNING id;

-- name: turn
-- Its holder shuts it, or opens it again, if the row still is the one that was read (its MAC covers all of it).
UPDATE sam.credentials SET blocks = $3, blocked_at = $4, blocked_by = $5, mac = $6 WHERE id = $1 AND mac = $2
RETURNING id;

-- name: rebind
-- The same key bound by a newer pepper, if the row still is the one that was opened (its MAC covers all of it).
UPDATE sam.credentials SET pepper = $3, bound = $4, mac = $5 WHERE id = $1 AND mac = $2 RETURNING id;

-- name: by_id
-- One credential.
SELECT id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p, kek, pepper, spki, bound,
       request, chain, subject, serial, valid_from, valid_to, blocks, blocked_at, blocked_by, created_at, mac
FROM sam.credentials WHERE id = $1;

-- name: by_emission
-- The credential of an emission.
SELECT id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p, kek, pepper, spki, bound,
       request, chain, subject, serial, valid_from, valid_to, blocks, blocked_at, blocked_by, created_at, mac
FROM sam.credentials WHERE emission = $1;

-- name: by_certificate
-- The credential with this certificate (SHA-256 of its DER).
SELECT id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p, kek, pepper, spki, bound,
       request, chain, subject, serial, valid_from, valid_to, blocks, blocked_at, blocked_by, created_at, mac
FROM sam.credentials WHERE certificate_hash = $1;

-- name: every
-- All of them, for whoever is about to destroy a key that they may need.
SELECT id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p, kek, pepper, spki, bound,
       request, chain, subject, serial, valid_from, valid_to, blocks, blocked_at, blocked_by, created_at, mac
FROM sam.credentials ORDER BY id;

-- name: uses
-- How many credentials each pair of versions opens: those that may still sign ($1: now), or may still get a certificate
-- ($2: what was bound before gets none), and all.
SELECT kek, pepper, count(*) AS all_of_them,
       count(*) FILTER (WHERE (state = 'active' AND valid_to > $1) OR (state = 'bound' AND created_at > $2)) AS living
FROM sam.credentials WHERE state <> 'prepared' GROUP BY kek, pepper ORDER BY kek, pepper;

-- name: lock
-- Take a credential's row until the transaction ends: requests for it are counted one after the other.
SELECT id FROM sam.credentials WHERE id = $1 FOR NO KEY UPDATE;

-- name: queue_certificate
-- A certificate (by its hash, b64u) is activated and revoked one after the other, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('linkid-certificate|' || $1, 0));

-- name: add_revocation
-- Nothing comes back when there is one about this certificate already.
INSERT INTO sam.revocations (certificate_hash, serial, statement, taken_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (certificate_hash) DO NOTHING RETURNING certificate_hash;

-- name: revocations_of
-- What may be about a certificate, by hash or serial number.
SELECT certificate_hash, statement FROM sam.revocations WHERE certificate_hash = $1 OR serial = $2;
