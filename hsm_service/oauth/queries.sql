-- OAuth. What may happen once happens in one guarded statement.

-- name: client
-- A client that may ask for tokens.
SELECT id, name, method, secret_digest, keys, redirects, grants FROM oauth.clients
WHERE id = $1 AND disabled_at IS NULL;

-- name: clients
-- Every client, for an operator.
SELECT id, name, method, redirects, grants, created_at, disabled_at FROM oauth.clients ORDER BY created_at, id;

-- name: add_client
-- Register an integrator.
INSERT INTO oauth.clients (id, name, method, secret_digest, keys, redirects, grants, created_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8);

-- name: new_secret
-- Replace a client's secret; the old one is worth nothing from now on.
UPDATE oauth.clients SET secret_digest = $2 WHERE id = $1 AND method = 'secret' AND disabled_at IS NULL RETURNING id;

-- name: disable_client
-- An integrator is shut out; nothing of it is deleted.
UPDATE oauth.clients SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id;

-- name: allow
-- A client may ask for this credential by itself.
INSERT INTO oauth.allowed (client, credential, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: disallow
-- And may no longer.
DELETE FROM oauth.allowed WHERE client = $1 AND credential = $2 RETURNING credential;

-- name: add_page
-- Somebody arrived at the authorize page.
INSERT INTO oauth.pages (id, secret_digest, client, redirect, redirect_given, scope, state_param, challenge, link, state,
                         opened_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, $11);

-- name: page
-- An authorize page with its client's name.
SELECT p.*, c.name AS client_name FROM oauth.pages p JOIN oauth.clients c ON c.id = p.client WHERE p.id = $1;

-- name: close_page
-- The page comes to its one end.
UPDATE oauth.pages SET state = $2 WHERE id = $1 AND state = 'open' AND expires_at > $3 RETURNING id;

-- name: add_code
-- A holder identified: a code for the client.
INSERT INTO oauth.codes (id, secret_digest, page, client, redirect, redirect_given, challenge, scope, credentials, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: consume_code
-- Use a code: of all who try, at any number of gateways, one gets the row.
UPDATE oauth.codes SET consumed_at = $4
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND consumed_at IS NULL AND expires_at > $4
RETURNING id, redirect, redirect_given, challenge, scope, credentials;

-- name: consume_page_code
-- Use the code of a page that a dialect opened: the same one row, and only to whoever knows which page it was.
UPDATE oauth.codes SET consumed_at = $5
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND page = $4 AND consumed_at IS NULL AND expires_at > $5
RETURNING credentials;

-- name: revoke_by_code
-- A code came a second time, so somebody has stolen it: what it gave is taken back (RFC 6749 section 4.1.2).
UPDATE oauth.tokens SET revoked_at = $3
WHERE revoked_at IS NULL AND code = (
    SELECT id FROM oauth.codes WHERE id = $1 AND secret_digest = $2 AND consumed_at IS NOT NULL)
RETURNING id;

-- name: add_token
-- An access token.
INSERT INTO oauth.tokens (id, secret_digest, client_kind, client, scope, jkt, credentials, code, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: bearer
-- A token that is good now, and its integrator as it is now: known, not shut out, and what an operator allowed it.
SELECT t.id, t.client_kind, t.client, t.scope, t.jkt, t.credentials, t.expires_at, c.name AS client_name,
       ARRAY(SELECT a.credential FROM oauth.allowed a WHERE a.client = c.id AND t.credentials IS NULL) AS allowed
FROM oauth.tokens t LEFT JOIN oauth.clients c ON c.id = t.client AND c.disabled_at IS NULL
WHERE t.id = $1 AND t.secret_digest = $2 AND t.revoked_at IS NULL AND t.expires_at > $3;

-- name: revoke_token
-- The client gives its own token back.
UPDATE oauth.tokens SET revoked_at = $4
WHERE id = $1 AND secret_digest = $2 AND client = $3 AND revoked_at IS NULL RETURNING id;

-- name: revoke_client
-- Every token of a client, at once.
UPDATE oauth.tokens SET revoked_at = $2 WHERE client = $1 AND revoked_at IS NULL AND expires_at > $2;

-- name: forget_tokens
-- Tokens that are over since long.
DELETE FROM oauth.tokens WHERE id IN (SELECT id FROM oauth.tokens WHERE expires_at < $1 LIMIT $2);

-- name: forget_codes
-- Codes that are over since long and gave no token that still stands.
DELETE FROM oauth.codes WHERE id IN (
    SELECT c.id FROM oauth.codes c
    WHERE c.expires_at < $1 AND NOT EXISTS (SELECT FROM oauth.tokens t WHERE t.code = c.id) LIMIT $2);

-- name: forget_pages
-- Pages that are over since long and whose code is gone.
DELETE FROM oauth.pages WHERE id IN (
    SELECT p.id FROM oauth.pages p
    WHERE p.expires_at < $1 AND NOT EXISTS (SELECT FROM oauth.codes c WHERE c.page = p.id) LIMIT $2);
