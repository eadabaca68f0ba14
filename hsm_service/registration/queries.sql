-- The page where applications are registered. Every statement about an application names its owner.

-- name: page
-- The application that the page itself is.
SELECT client FROM registration.page;

-- name: set_page
-- An operator made the page known to the SAM (again).
INSERT INTO registration.page (client, since) VALUES ($1, $2)
ON CONFLICT (the_one) DO UPDATE SET client = excluded.client, since = excluded.since;

-- name: begin_sign_in
-- Somebody wants in: their browser has the secret, and this authorize page is theirs.
INSERT INTO registration.sign_ins (id, secret_digest, page, expires_at) VALUES ($1, $2, $3, $4);

-- name: take_sign_in
-- They came back: whatever comes of it, this one is over.
DELETE FROM registration.sign_ins WHERE id = $1 AND secret_digest = $2 AND page IS NOT NULL AND expires_at > $3
RETURNING page;

-- name: add_sign_in
-- They are in, under a new secret.
INSERT INTO registration.sign_ins (id, secret_digest, owner, owner_name, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: sign_in
-- Who has this secret.
SELECT owner, owner_name FROM registration.sign_ins
WHERE id = $1 AND secret_digest = $2 AND owner IS NOT NULL AND expires_at > $3;

-- name: end_sign_in
-- They left.
DELETE FROM registration.sign_ins WHERE id = $1 AND secret_digest = $2;

-- name: one_at_a_time
-- Counting and adding is one step: whoever registers waits for whoever does just now.
SELECT pg_advisory_xact_lock(hashtextextended('registration.applications', 0));

-- name: add_application
-- It waits for an operator, unless its owner has too many, or too many wait.
INSERT INTO registration.applications (client, owner, owner_name, name, about, method, grants, redirects, keys, signs_asks,
                                       tls_subject, certificates, secret_digest, asked_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $14
WHERE (SELECT count(*) FROM registration.applications WHERE owner = $2) < $15
  AND (SELECT count(*) FROM registration.applications WHERE owner = $2 AND admitted_at IS NULL) < $16
  AND (SELECT count(*) FROM registration.applications WHERE admitted_at IS NULL) < $17
RETURNING client;

-- name: applications_of
-- An owner's, the newest first.
SELECT * FROM registration.applications WHERE owner = $1 ORDER BY asked_at DESC, client;

-- name: application_of
-- One of them; another owner's does not exist.
SELECT * FROM registration.applications WHERE client = $1 AND owner = $2;

-- name: changes_of
-- What waits of these.
SELECT id, client, redirects, asked_at FROM registration.changes WHERE client = ANY ($1::text[]);

-- name: touch
-- Its owner changes something, having seen this version: of two who saw the same, one.
UPDATE registration.applications SET version = version + 1
WHERE client = $1 AND owner = $2 AND version = $3 RETURNING client;

-- name: renew_waiting_secret
-- Another secret for one that waits; the one before opened nothing.
UPDATE registration.applications SET secret_digest = $2 WHERE client = $1 AND admitted_at IS NULL
                                                          AND secret_digest IS NOT NULL RETURNING client;

-- name: withdraw
-- Its owner does not want it any more; only while it waits, and as they saw it.
DELETE FROM registration.applications WHERE client = $1 AND owner = $2 AND version = $3 AND admitted_at IS NULL
RETURNING client;

-- name: ask_change
-- Return addresses that an operator is to look at; in the place of what its owner asked for before.
INSERT INTO registration.changes (id, client, redirects, asked_at) VALUES ($1, $2, $3, $4);

-- name: drop_change
-- It does not wait any more.
DELETE FROM registration.changes WHERE client = $1 RETURNING id;

-- name: waiting_applications
-- What waits for an operator, oldest first.
SELECT * FROM registration.applications WHERE admitted_at IS NULL ORDER BY asked_at, client;

-- name: waiting_application
-- One of them.
SELECT * FROM registration.applications WHERE client = $1 AND admitted_at IS NULL;

-- name: waiting_changes
-- Addresses that wait for an operator, oldest first, with the name of whose they are.
SELECT c.id, c.client, c.redirects, c.asked_at, a.name, a.owner_name
FROM registration.changes c JOIN registration.applications a ON a.client = c.client ORDER BY c.asked_at, c.id;

-- name: take_change
-- An operator admits these very addresses: once.
DELETE FROM registration.changes WHERE id = $1 RETURNING client, redirects;

-- name: admitted
-- An operator let it in. Its secret, as it is now, is oauth's from now on.
WITH before AS (
    SELECT client, secret_digest FROM registration.applications WHERE client = $1 AND admitted_at IS NULL FOR UPDATE
)
UPDATE registration.applications a SET admitted_at = $2, secret_digest = NULL, version = a.version + 1
FROM before WHERE a.client = before.client RETURNING before.client, before.secret_digest;

-- name: forget_sign_ins
-- Those that are over.
DELETE FROM registration.sign_ins WHERE id IN (
    SELECT id FROM registration.sign_ins WHERE expires_at < $1 LIMIT $2);

-- name: forget_applications
-- Those that nobody let in.
DELETE FROM registration.applications WHERE client IN (
    SELECT client FROM registration.applications WHERE admitted_at IS NULL AND asked_at < $1 LIMIT $2);
