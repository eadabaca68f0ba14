-- Everything the AC asks of its schema.

-- name: add_order
-- Take an order; the primary key and the index on protocol numbers decide whether it is the first.
INSERT INTO ac.orders (id, kind, protocol, jws, verifier, taken_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: order_by_id
-- An order as it was signed.
SELECT id, kind, protocol, jws, verifier, taken_at FROM ac.orders WHERE id = $1;

-- name: issue_order_by_protocol
-- The issue order of a protocol number, if there is one.
SELECT id, kind, protocol, jws, verifier, taken_at FROM ac.orders WHERE protocol = $1 AND kind = 'issue';

-- name: add_emission
-- A visit begins.
INSERT INTO ac.emissions (id, protocol, order_id, key_x, key_y, state, identify, started_at, expires_at)
VALUES ($1, $2, $3, $4, $5, 'started', $6, $7, $8);

-- name: emission
-- A visit as it stands.
SELECT id, protocol, order_id, key_x, key_y, state, identify, answer, identified_mac, term, agreement, expires_at
FROM ac.emissions WHERE id = $1;

-- name: reserve_try
-- Count a try before it is looked at; no row when locked. The fifth locks at once, whatever it turns out to be: rivals
-- in flight cannot be more than five. $3 is how many, $4 until when.
INSERT INTO ac.tries AS t (protocol, used, locked_until, last_at)
VALUES ($1, 1, CASE WHEN $3::integer <= 1 THEN $4::timestamptz END, $2)
ON CONFLICT (protocol) DO UPDATE SET
    used = CASE WHEN t.locked_until IS NOT NULL THEN 1 ELSE t.used + 1 END,
    locked_until = CASE
        WHEN (CASE WHEN t.locked_until IS NOT NULL THEN 1 ELSE t.used + 1 END) >= $3 THEN $4::timestamptz
    END,
    last_at = $2
WHERE t.locked_until IS NULL OR t.locked_until <= $2
RETURNING used;

-- name: locked_until
-- Until when a protocol number is locked.
SELECT locked_until FROM ac.tries WHERE protocol = $1;

-- name: forget_tries
-- The right answer was given: the count begins anew.
DELETE FROM ac.tries WHERE protocol = $1;

-- name: set_identified
-- Who visits is known; the term is fixed. Guarded: only from started, only while it lives.
UPDATE ac.emissions SET state = 'identified', answer = $2, identified_mac = $3, term = $4
WHERE id = $1 AND state = 'started' AND expires_at > $5
RETURNING id;

-- name: set_agreed
-- The term is signed.
UPDATE ac.emissions SET state = 'agreed', agreement = $2
WHERE id = $1 AND state = 'identified' AND expires_at > $3
RETURNING id;

-- name: set_issued
-- The certificate exists.
UPDATE ac.emissions SET state = 'issued' WHERE id = $1 AND state = 'agreed' RETURNING id;

-- name: sweep_emissions
-- Visits that ended without a certificate say nothing a day later.
DELETE FROM ac.emissions WHERE state <> 'issued' AND expires_at < $1;

-- name: sweep_tries
-- Counts of protocol numbers that nobody tried for a day, and whose lock is over.
DELETE FROM ac.tries WHERE last_at < $1 AND (locked_until IS NULL OR locked_until < $1);

-- name: void_visits
-- After a restore: no visit that began before it goes on. Those with a certificate are evidence and stay.
DELETE FROM ac.emissions WHERE state <> 'issued' RETURNING id;

-- name: certificate_of_order
-- The one certificate of an order, from the intention on.
SELECT serial, order_id, emission, credential, spki_hash, not_before, not_after, state, der, fingerprint, issued_at,
       revoked_at, reason
FROM ac.certificates WHERE order_id = $1 AND state <> 'abandoned';

-- name: certificate_by_serial
-- A certificate by its serial number.
SELECT serial, order_id, emission, credential, spki_hash, not_before, not_after, state, der, fingerprint, issued_at,
       revoked_at, reason
FROM ac.certificates WHERE serial = $1;

-- name: certificates_page
-- What an operator lists, newest first: those of one protocol number ($1) or all, from an instant backwards.
SELECT c.serial, c.order_id, c.emission, c.credential, c.spki_hash, c.not_before, c.not_after, c.state, c.der,
       c.fingerprint, c.issued_at, c.revoked_at, c.reason
FROM ac.certificates c JOIN ac.orders o ON o.id = c.order_id
WHERE ($1::text IS NULL OR o.protocol = $1) AND c.state = 'issued'
ORDER BY c.issued_at DESC LIMIT $2;

-- name: add_intention
-- Step I8: before anything is signed.
INSERT INTO ac.certificates
    (serial, order_id, emission, credential, spki_hash, possession, not_before, not_after, state, intended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'intended', $9);

-- name: abandon_intention
-- An intention whose visit is over. What may have been signed under its serial counts as revoked.
UPDATE ac.certificates SET state = 'abandoned', revoked_at = $2, reason = 'superseded'
WHERE serial = $1 AND state = 'intended'
RETURNING serial;

-- name: set_certificate
-- Step I10: what was made, stored before it is released.
UPDATE ac.certificates SET state = 'issued', der = $2, fingerprint = $3, issued_at = $4
WHERE serial = $1 AND state = 'intended'
RETURNING serial;

-- name: revoke
-- End a certificate, once.
UPDATE ac.certificates SET revoked_at = $2, reason = $3, revoked_by = $4
WHERE serial = $1 AND state = 'issued' AND revoked_at IS NULL
RETURNING serial;

-- name: revoked
-- What the issuing authority's list holds: everything revoked that could still be believed.
SELECT serial, revoked_at, reason FROM ac.certificates
WHERE revoked_at IS NOT NULL AND not_after > $1 ORDER BY revoked_at, serial;

-- name: count_revocations
-- How many certificates were ever revoked.
SELECT count(*) FROM ac.certificates WHERE revoked_at IS NOT NULL;

-- name: lock_crl_number
-- The last number of a list, locked until the transaction ends.
SELECT number FROM ac.crl_numbers WHERE issuer = $1 FOR UPDATE;

-- name: set_crl_number
-- The number just used.
UPDATE ac.crl_numbers SET number = $2 WHERE issuer = $1;

-- name: add_crl
-- A list, kept for good.
INSERT INTO ac.crls (issuer, number, this_update, next_update, revocations, der) VALUES ($1, $2, $3, $4, $5, $6);

-- name: newest_crl
-- The list in force.
SELECT number, this_update, next_update, revocations, der FROM ac.crls WHERE issuer = $1 ORDER BY number DESC LIMIT 1;
