-- A million people who are never asked anything (bench/million.py). Each statement makes rows number $1 to $2.
--
-- An id is its prefix and 26 digits of an MD5: unlike its neighbour's, as ours are. What must be unique is; what must be
-- a certificate, a point of a curve or a MAC has the right length and is none. Sizes are those of a real row ($3: whose),
-- so that tables and indexes are as large as in earnest.

-- name: holders
-- One for each credential.
INSERT INTO credentials.holders (id, name, phone, email, kind, created_at)
SELECT 'hld_' || left(md5('hld' || i), 26), 'Pessoa Numero ' || i, '+55219' || lpad(i::text, 8, '0'),
       'pessoa' || i || '@example.com', 'person', now()
FROM generate_series($1::bigint, $2::bigint) i;

-- name: holdings
-- Whose credential it is.
INSERT INTO credentials.holdings (credential, holder, since)
SELECT 'cred_' || left(md5('cred' || i), 26), 'hld_' || left(md5('hld' || i), 26), now()
FROM generate_series($1::bigint, $2::bigint) i;

-- name: credentials
-- Key blob and request are one real row's, the authority's certificates are left out (3 KB); key and certificate differ
-- from it in 16 bytes, so that their hashes are as many as the rows.
INSERT INTO sam.credentials (id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p, kek,
                             pepper, spki, bound, request, chain, subject, serial, valid_from, valid_to, created_at, mac)
SELECT 'cred_' || left(md5('cred' || i), 26), 'ems_' || left(md5('ems' || i), 26), r.emission_key, r.key_algorithm,
       'active', decode(md5('salt' || i), 'hex'), r.argon2_m, r.argon2_t, r.argon2_p, r.kek, r.pepper,
       overlay(r.spki placing decode(md5('spki' || i), 'hex') from 40), r.bound, r.request,
       ARRAY[overlay(r.chain[1] placing decode(md5('der' || i), 'hex') from 16)],
       'PESSOA NUMERO ' || i, md5('serial' || i), r.valid_from, r.valid_to, r.created_at,
       '\x01' || sha256(('credential' || i)::bytea)
FROM generate_series($1::bigint, $2::bigint) i, (SELECT * FROM sam.credentials WHERE id = $3) r;

-- name: bindings
-- A phone for each credential.
INSERT INTO sam.bindings (id, credential, device, device_key, nickname, state, document, created_at, mac)
SELECT 'bnd_' || left(md5('bnd' || i), 26), 'cred_' || left(md5('cred' || i), 26), 'dev_' || left(md5('dev' || i), 26),
       '\x04' || sha512(('point' || i)::bytea), 'Celular', 'active', 'doc_' || left(md5('doc' || i), 26), now(),
       '\x01' || sha256(('binding' || i)::bytea)
FROM generate_series($1::bigint, $2::bigint) i;

-- name: attempts
-- Each paired once, with the right password.
INSERT INTO sam.attempts (credential, purpose, total, forgiven, last_at, mac)
SELECT 'cred_' || left(md5('cred' || i), 26), 'pair', 1, 1, now(), '\x01' || sha256(('attempt' || i)::bytea)
FROM generate_series($1::bigint, $2::bigint) i;

-- name: devices
-- The gateway's note of that phone.
INSERT INTO pairing.devices (id, jkt, key, nickname, state, token, token_digest, created_at)
SELECT 'dev_' || left(md5('dev' || i), 26), left(md5('jkt' || i) || md5('jkt2' || i), 43),
       jsonb_build_object('kty', 'EC', 'crv', 'P-256', 'x', left(md5('x' || i) || md5('x2' || i), 43),
                          'y', left(md5('y' || i) || md5('y2' || i), 43)),
       'Celular', 'active', 'dvt_' || left(md5('dvt' || i), 26), sha256(('token' || i)::bytea), now()
FROM generate_series($1::bigint, $2::bigint) i;

-- name: numbers
-- Which number it proved.
INSERT INTO pairing.numbers (device, number, verified_at)
SELECT 'dev_' || left(md5('dev' || i), 26), '+55219' || lpad(i::text, 8, '0'), now()
FROM generate_series($1::bigint, $2::bigint) i;

-- name: rings
-- What it rings for.
INSERT INTO pairing.rings (device, credential, since)
SELECT 'dev_' || left(md5('dev' || i), 26), 'cred_' || left(md5('cred' || i), 26), now()
FROM generate_series($1::bigint, $2::bigint) i;

-- name: allowed
-- Which integrator may ask for it: one of a thousand.
INSERT INTO oauth.allowed (client, credential, since)
SELECT 'cli_' || left(md5('cli' || i % 1000), 26), 'cred_' || left(md5('cred' || i), 26), now()
FROM generate_series($1::bigint, $2::bigint) i;

-- name: clients
-- These thousand.
INSERT INTO oauth.clients (id, name, method, secret_digest, grants, created_at)
SELECT 'cli_' || left(md5('cli' || i), 26), 'Sistema ' || i, 'secret', sha256(('secret' || i)::bytea),
       ARRAY['client_credentials'], now()
FROM generate_series($1::bigint, $2::bigint) i;
