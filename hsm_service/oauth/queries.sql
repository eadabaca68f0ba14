-- OAuth. What may happen once happens in one guarded statement.

-- name: client
-- A client that may ask for tokens.
SELECT id, name, method, secret_digest, old_secret_digest, old_secret_until, keys, redirects, grants, tls_subject,
       certificates, calls_per_minute, shows_codes
FROM oauth.clients WHERE id = $1 AND disabled_at IS NULL;

-- name: clients
-- Every client, for an operator.
SELECT id, name, method, redirects, grants, created_at, disabled_at, shows_codes FROM oauth.clients
ORDER BY created_at, id;

-- name: add_client
-- Register an integrator.
INSERT INTO oauth.clients (id, name, method, secret_digest, keys, redirects, grants, created_at, tls_subject, certificates)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10);

-- name: certificates
-- What clients that sign their own certificates registered: a TLS listener must know them to let them knock.
SELECT unnest(certificates) AS certificate FROM oauth.clients WHERE method = 'self_signed' AND disabled_at IS NULL;

-- name: new_secret
-- Replace a client's secret; the old one is worth nothing from now on.
UPDATE oauth.clients SET secret_digest = $2, old_secret_digest = NULL, old_secret_until = NULL
WHERE id = $1 AND method = 'secret' AND disabled_at IS NULL RETURNING id;

-- name: renew_secret
-- Another secret; the one that was good stays so for a while.
UPDATE oauth.clients SET old_secret_digest = secret_digest, old_secret_until = $3, secret_digest = $2
WHERE id = $1 AND method = 'secret' AND disabled_at IS NULL RETURNING id;

-- name: end_old_secret
-- The one before is worth nothing from now on.
UPDATE oauth.clients SET old_secret_digest = NULL, old_secret_until = NULL
WHERE id = $1 AND old_secret_digest IS NOT NULL RETURNING id;

-- name: new_redirects
-- An application's return addresses, by itself.
UPDATE oauth.clients SET redirects = $2 WHERE id = $1 AND disabled_at IS NULL;

-- name: replace_redirects
-- The same, by whoever saw what they were: another change in between is not overwritten.
UPDATE oauth.clients SET redirects = $3 WHERE id = $1 AND redirects = $2 AND disabled_at IS NULL RETURNING id;

-- name: standing
-- How clients stand, for their owner; what an operator allowed each to ask for by itself is part of it.
SELECT c.id, c.redirects, c.disabled_at, c.old_secret_until, c.calls_per_minute, c.shows_codes,
       ARRAY(SELECT a.credential FROM oauth.allowed a WHERE a.client = c.id ORDER BY a.since, a.credential) AS allowed
FROM oauth.clients c WHERE c.id = ANY ($1::text[]);

-- name: limit_calls
-- How often a client may call, by an operator's word; null: as the settings say.
UPDATE oauth.clients SET calls_per_minute = $2 WHERE id = $1 RETURNING id;

-- name: show_codes
-- Whether a client may draw codes that stay the same, by an operator's word.
UPDATE oauth.clients SET shows_codes = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id;

-- name: take_calls
-- A gateway takes $3 calls out of a client's bucket of $2 a minute, which fills steadily and holds a minute's worth. No
-- row comes back while there are fewer.
INSERT INTO oauth.calls AS bucket (client, left_in, at) VALUES ($1, $2::double precision - $3, $4)
ON CONFLICT (client) DO UPDATE SET
    left_in = least($2, bucket.left_in + $2 * greatest(0, extract(epoch FROM $4 - bucket.at)) / 60) - $3,
    at = greatest(bucket.at, $4)
WHERE least($2, bucket.left_in + $2 * greatest(0, extract(epoch FROM $4 - bucket.at)) / 60) >= $3
RETURNING client;

-- name: forget_calls
-- Buckets that are full again.
DELETE FROM oauth.calls WHERE client IN (SELECT client FROM oauth.calls WHERE at < $1 LIMIT $2);

-- name: disable_client
-- An integrator is shut out; nothing of it is deleted.
UPDATE oauth.clients SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id;

-- name: allow
-- A client may ask for this credential by itself.
INSERT INTO oauth.allowed (client, credential, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: disallow
-- And may no longer.
DELETE FROM oauth.allowed WHERE client = $1 AND credential = $2 RETURNING credential;

-- name: let_read
-- A resource server may ask about this client's tokens.
INSERT INTO oauth.readers (reader, client, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: stop_reading
-- And may no longer.
DELETE FROM oauth.readers WHERE reader = $1 AND client = $2 RETURNING client;

-- name: may_name
-- Whether a client may ask this credential's holder: an operator allowed it, or the holder identified to it with it.
SELECT EXISTS (SELECT FROM oauth.allowed WHERE client = $1 AND credential = $2)
    OR EXISTS (SELECT FROM oauth.tokens WHERE client = $1 AND $2 = ANY(credentials) AND scope = 'service'
                                          AND revoked_at IS NULL AND expires_at > $3)
    OR EXISTS (SELECT FROM oauth.refresh_tokens WHERE client = $1 AND $2 = ANY(credentials) AND consumed_at IS NULL
                                                  AND revoked_at IS NULL AND expires_at > $3);

-- name: add_pushed
-- A client pushed the parameters of an authorize request.
INSERT INTO oauth.pushed (id, secret_digest, client, sealed, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: consume_pushed
-- Use them: once, by the client that pushed them.
UPDATE oauth.pushed SET consumed_at = $4
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND consumed_at IS NULL AND expires_at > $4
RETURNING sealed;

-- name: add_page
-- Somebody arrived at the authorize page.
INSERT INTO oauth.pages (id, secret_digest, client, redirect, redirect_given, scope, state_param, challenge, link, state,
                         opened_at, expires_at, sealed, credential, jkt)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, $11, $12, $13, $14);

-- name: page
-- An authorize page with its client's name.
SELECT p.*, c.name AS client_name FROM oauth.pages p JOIN oauth.clients c ON c.id = p.client WHERE p.id = $1;

-- name: settle_holder
-- The page learnt whose phone to ask.
UPDATE oauth.pages SET credential = $2
WHERE id = $1 AND state = 'open' AND credential IS NULL AND sealed IS NOT NULL AND expires_at > $3 RETURNING id;

-- name: page_asked
-- A phone rang for this page, and what it leads to is sealed with it: once.
UPDATE oauth.pages SET asked = true, sealed = $2
WHERE id = $1 AND state = 'open' AND NOT asked RETURNING id;

-- name: close_page
-- The page comes to its one end; of a good one, where it led to stays sealed with it, in case the answer was lost.
UPDATE oauth.pages SET state = $2, sealed = coalesce($4, sealed)
WHERE id = $1 AND state = 'open' AND expires_at > $3 RETURNING id;

-- name: add_code
-- A holder identified: a code for the client.
INSERT INTO oauth.codes (id, secret_digest, page, client, redirect, redirect_given, challenge, scope, credentials,
                         expires_at, sealed, jkt)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: consume_code
-- Use a code: of all who try, at any number of gateways, one gets the row.
UPDATE oauth.codes SET consumed_at = $4
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND consumed_at IS NULL AND expires_at > $4
RETURNING id, redirect, redirect_given, challenge, scope, credentials, sealed, jkt;

-- name: consume_page_code
-- Use the code of a page that a dialect opened: the same one row, and only to whoever knows which page it was.
UPDATE oauth.codes SET consumed_at = $5
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND page = $4 AND consumed_at IS NULL AND expires_at > $5
RETURNING credentials;

-- name: revoke_by_code
-- A code came a second time, so somebody has stolen it: what it gave is taken back (RFC 6749 section 4.1.2).
WITH theft AS (
    SELECT id FROM oauth.codes WHERE id = $1 AND secret_digest = $2 AND consumed_at IS NOT NULL
), refreshing AS (
    UPDATE oauth.refresh_tokens SET revoked_at = $3
    WHERE revoked_at IS NULL AND consumed_at IS NULL AND code = (SELECT id FROM theft)
)
UPDATE oauth.tokens SET revoked_at = $3 WHERE revoked_at IS NULL AND code = (SELECT id FROM theft) RETURNING id;

-- name: add_refresh_token
-- The family's next one.
INSERT INTO oauth.refresh_tokens (id, secret_digest, client, code, scope, credentials, jkt, x5t, issued_at, expires_at,
                                  family_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: consume_refresh_token
-- Use one: of all who try, one gets the row.
UPDATE oauth.refresh_tokens SET consumed_at = $4
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND consumed_at IS NULL AND revoked_at IS NULL AND expires_at > $4
RETURNING id, code, scope, credentials, jkt, x5t, family_until;

-- name: refresh_family
-- Which family a refresh token belongs to that is not good any more, or is shown by another client.
SELECT code FROM oauth.refresh_tokens WHERE id = $1 AND secret_digest = $2;

-- name: end_family
-- Every token that a code gave, and gave by way of others.
WITH refreshing AS (
    UPDATE oauth.refresh_tokens SET revoked_at = $2 WHERE code = $1 AND revoked_at IS NULL AND consumed_at IS NULL
    RETURNING id
), bearing AS (
    UPDATE oauth.tokens SET revoked_at = $2 WHERE code = $1 AND revoked_at IS NULL RETURNING id
)
SELECT (SELECT count(*) FROM refreshing) + (SELECT count(*) FROM bearing) AS ended;

-- name: own_refresh_token
-- The family of a client's own refresh token, good or not: to give it back.
SELECT code FROM oauth.refresh_tokens WHERE id = $1 AND secret_digest = $2 AND client = $3;

-- name: seen_refresh_token
-- A refresh token that is good now, as its client or one that may read its tokens is told.
SELECT t.client, t.scope, t.credentials, t.jkt, t.x5t, t.issued_at, t.expires_at
FROM oauth.refresh_tokens t JOIN oauth.clients c ON c.id = t.client AND c.disabled_at IS NULL
WHERE t.id = $1 AND t.secret_digest = $2 AND t.consumed_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > $3
  AND (t.client = $4 OR EXISTS (SELECT FROM oauth.readers r WHERE r.reader = $4 AND r.client = t.client));

-- name: add_token
-- An access token.
INSERT INTO oauth.tokens (id, secret_digest, client_kind, client, scope, jkt, credentials, code, issued_at, expires_at,
                          sealed, x5t)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: bearers
-- Of these tokens those that are good now, and their integrators as they are now: known, not shut out, and what an
-- operator allowed them.
SELECT t.id, t.secret_digest, t.client_kind, t.client, t.scope, t.jkt, t.x5t, t.credentials, t.sealed, t.issued_at, t.expires_at,
       c.name AS client_name, c.calls_per_minute,
       ARRAY(SELECT a.credential FROM oauth.allowed a WHERE a.client = c.id AND t.credentials IS NULL) AS allowed
FROM unnest($1::text[], $2::bytea[]) AS shown (id, digest)
JOIN oauth.tokens t ON t.id = shown.id AND t.secret_digest = shown.digest
LEFT JOIN oauth.clients c ON c.id = t.client AND c.disabled_at IS NULL
WHERE t.revoked_at IS NULL AND t.expires_at > $3;

-- name: may_read
-- Whether a resource server may ask about a client's tokens.
SELECT EXISTS (SELECT FROM oauth.readers WHERE reader = $1 AND client = $2);

-- name: revoke_token
-- The client gives its own token back.
UPDATE oauth.tokens SET revoked_at = $4
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND revoked_at IS NULL RETURNING id;

-- name: revoke_client
-- Every token of a client, at once.
WITH refreshing AS (
    UPDATE oauth.refresh_tokens SET revoked_at = $2 WHERE client = $1 AND revoked_at IS NULL AND consumed_at IS NULL
)
UPDATE oauth.tokens SET revoked_at = $2 WHERE client = $1 AND revoked_at IS NULL AND expires_at > $2;

-- name: forget_tokens
-- Tokens that are over since long.
DELETE FROM oauth.tokens WHERE id IN (SELECT id FROM oauth.tokens WHERE expires_at < $1 LIMIT $2);

-- name: forget_pushed
-- Pushed requests that are over since long.
DELETE FROM oauth.pushed WHERE id IN (SELECT id FROM oauth.pushed WHERE expires_at < $1 LIMIT $2);

-- name: forget_refresh_tokens
-- Refresh tokens that are over since long; those of a family only together, so that a stolen one is recognised.
DELETE FROM oauth.refresh_tokens WHERE id IN (
    SELECT id FROM oauth.refresh_tokens WHERE expires_at < $1 AND family_until < $1 LIMIT $2);

-- name: forget_codes
-- Codes that are over since long and gave no token that still stands.
DELETE FROM oauth.codes WHERE id IN (
    SELECT c.id FROM oauth.codes c
    WHERE c.expires_at < $1 AND NOT EXISTS (SELECT FROM oauth.tokens t WHERE t.code = c.id)
      AND NOT EXISTS (SELECT FROM oauth.refresh_tokens r WHERE r.code = c.id) LIMIT $2);

-- name: forget_pages
-- Pages that are over since long and whose code is gone.
DELETE FROM oauth.pages WHERE id IN (
    SELECT p.id FROM oauth.pages p
    WHERE p.expires_at < $1 AND NOT EXISTS (SELECT FROM oauth.codes c WHERE c.page = p.id) LIMIT $2);
