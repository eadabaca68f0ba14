-- The Brazilian dialect's grants. What may happen once happens in one guarded statement; steps by domain/authorization.py.

-- name: open
-- Somebody arrives, by a page or by a request that rings the phone; or an application starts one on a page of its own.
INSERT INTO psc.authorizations (id, client, scope, redirect, redirect_given, state_param, challenge, lifetime, hint, page,
                                step, wait_digest, opened_at, expires_at, started, calls)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12, $13, $14, $15);

-- name: authorization
-- One that has not outlived its step.
SELECT * FROM psc.authorizations WHERE id = $1 AND expires_at > $2;

-- name: by_wait
-- One by the digest of what its waiter has, also when its time is over.
SELECT * FROM psc.authorizations WHERE wait_digest = $1;

-- name: identified
-- The holder identified, and the application gets its code.
UPDATE psc.authorizations SET step = $2, credentials = $3, code_digest = $4, expires_at = $5
WHERE id = $1 AND step = ANY($6::text[]) AND expires_at > $7 RETURNING id;

-- name: asked
-- The phone is asked for a session; its handle, sealed for whoever will have the code.
UPDATE psc.authorizations
SET step = $2, credentials = $3, wait_digest = $4, code_digest = $5, sealed = $6, until = $7, document = $8,
    expires_at = $9
WHERE id = $1 AND step = ANY($10::text[]) AND expires_at > $11 RETURNING id;

-- name: called
-- Phones were rung to ask who is there, besides those that it has.
UPDATE psc.authorizations SET calls = calls || $2::text[] WHERE id = $1 AND step = 'open' AND expires_at > $3;

-- name: stepped
-- Approved or denied: nothing else of the row changes but its time.
UPDATE psc.authorizations SET step = $2, expires_at = greatest(expires_at, $3)
WHERE id = $1 AND step = ANY($4::text[]) RETURNING id;

-- name: redeem
-- Use a code: of all who try, one gets the row.
UPDATE psc.authorizations SET step = $2
WHERE id = $1 AND code_digest = $3 AND client = $4 AND step = ANY($5::text[]) AND expires_at > $6 RETURNING *;

-- name: revoke_by_code
-- A code came a second time, so somebody has stolen it: what it gave is taken back (RFC 6749 section 4.1.2).
UPDATE psc.tokens SET revoked_at = $3 WHERE revoked_at IS NULL AND granted_by = (
    SELECT id FROM psc.authorizations WHERE id = $1 AND code_digest = $2 AND step = 'spent')
RETURNING id;

-- name: open_session
-- The session that an authorization opened, as far as nobody ended it here.
SELECT id, client, document FROM psc.authorizations
WHERE id = $1 AND document IS NOT NULL AND ended_at IS NULL AND until > $2;

-- name: forsaken_sessions
-- Sessions that a phone was asked for and that nobody can use any more: left or refused, their code or their answer
-- waited for nobody, or their token was taken back.
SELECT id, client, document FROM psc.authorizations a
WHERE document IS NOT NULL AND ended_at IS NULL AND until > $1
  AND (step = 'denied' OR (step IN ('waiting', 'granted') AND expires_at < $2)
       OR EXISTS (SELECT FROM psc.tokens t WHERE t.granted_by = a.id AND t.revoked_at IS NOT NULL))
ORDER BY expires_at LIMIT $3;

-- name: session_ended
-- It is over at the SAM as well.
UPDATE psc.authorizations SET ended_at = $2 WHERE id = $1 AND document IS NOT NULL AND ended_at IS NULL;

-- name: add_token
-- An access token.
INSERT INTO psc.tokens (id, secret_digest, client, scope, granted_by, credentials, sealed, issued_at, expires_at,
                        opened)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: bearer
-- A token that is good now.
SELECT * FROM psc.tokens WHERE id = $1 AND secret_digest = $2 AND revoked_at IS NULL AND expires_at > $3;

-- name: keep_asked
-- The request that a phone was asked for an asynchronous signature, or for a consent.
UPDATE psc.tokens SET sealed = $2
WHERE id = $1 AND scope IN ('async_signature', 'consent') AND sealed IS NULL AND revoked_at IS NULL;

-- name: begin_use
-- Set out to ask the phone for what a one-use token is for: of all who try, one; or another when the first never came
-- back with a request.
UPDATE psc.tokens SET use_digest = $2, asked_at = $3
WHERE id = $1 AND revoked_at IS NULL AND sealed IS NULL
  AND (use_digest IS NULL OR (use_digest = $2 AND asked_at < $4)) RETURNING id;

-- name: bind_use
-- A one-use token that the holder's factors opened serves one request, however often that is repeated.
UPDATE psc.tokens SET use_digest = $2, asked_at = $3
WHERE id = $1 AND opened IS NOT NULL AND revoked_at IS NULL AND (use_digest IS NULL OR use_digest = $2) RETURNING id;

-- name: keep_handle
-- The request that the phone was asked.
UPDATE psc.tokens SET sealed = $2 WHERE id = $1 AND use_digest = $3 AND sealed IS NULL RETURNING id;

-- name: request_bytes
-- How much is kept of an application's requests around documents.
SELECT coalesce(sum(octet_length(sealed)), 0)::bigint FROM psc.tokens
WHERE client = $1 AND use_digest IS NOT NULL AND opened IS NULL AND sealed <> '';

-- name: forget_requests
-- What a one-use token kept: nobody opens it any more, nor takes back what it asked.
UPDATE psc.tokens SET sealed = '' WHERE id IN (
    SELECT id FROM psc.tokens
    WHERE use_digest IS NOT NULL AND opened IS NULL AND sealed <> '' AND expires_at < $1 LIMIT $2);

-- name: give_up_use
-- The phone could not be asked: the token has not been used.
UPDATE psc.tokens SET use_digest = NULL, asked_at = NULL WHERE id = $1 AND use_digest = $2 AND sealed IS NULL;

-- name: used
-- Its signatures were returned.
UPDATE psc.tokens SET used_at = $2 WHERE id = $1 AND used_at IS NULL;

-- name: revoke
-- The application gives its own token back; also a second time, when it does not know that it did.
UPDATE psc.tokens SET revoked_at = coalesce(revoked_at, $4) WHERE id = $1 AND secret_digest = $2 AND client = $3
RETURNING id, scope, granted_by, sealed, used_at, opened;

-- name: over
-- The SAM says that the session is over: the token is too.
UPDATE psc.tokens SET revoked_at = $2 WHERE id = $1 AND scope = 'signature_session' AND revoked_at IS NULL;

-- name: session_call
-- What the same call in a session fixed before.
SELECT sealed FROM psc.session_calls WHERE token = $1 AND use_digest = $2 AND made_at > $3;

-- name: keep_session_call
-- Of all who make the same call at once, one fixes it; what was fixed too long ago gives way.
INSERT INTO psc.session_calls (token, use_digest, sealed, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (token, use_digest) DO UPDATE SET sealed = excluded.sealed, made_at = excluded.made_at
WHERE psc.session_calls.made_at <= $5 RETURNING sealed;

-- name: session_bytes
-- How much is kept of a session's calls.
SELECT coalesce(sum(octet_length(sealed)), 0)::bigint FROM psc.session_calls WHERE token = $1;

-- name: expect_outcome
-- Somebody will be posted what the holder said.
INSERT INTO psc.outcomes (token, client, sealed, due_at) VALUES ($1, $2, $3, $4);

-- name: outcome_asked
-- The phone was asked under this document.
UPDATE psc.outcomes SET document = $2, sealed = $3 WHERE token = $1;

-- name: outcome_due
-- The holder answered.
UPDATE psc.outcomes SET due_at = $2 WHERE document = $1 AND due_at > $2;

-- name: outcome_put_off
-- It cannot be learnt now.
UPDATE psc.outcomes SET due_at = $2 WHERE token = $1;

-- name: expecting
-- Applications that will be posted something.
SELECT DISTINCT client FROM psc.outcomes;

-- name: due_outcomes
-- What is to be posted now, and whether its application wants it still.
SELECT o.*, t.revoked_at IS NOT NULL AS given_back FROM psc.outcomes o JOIN psc.tokens t ON t.id = o.token
WHERE o.due_at <= $1 ORDER BY o.due_at LIMIT $2;

-- name: take_outcome
-- Of several gateways one posts it: the one that takes the row away.
DELETE FROM psc.outcomes WHERE token = $1 RETURNING token;

-- name: begin_start
-- What becomes of this authorization is posted to its application.
INSERT INTO psc.starts (id, client, short_digest, sealed, due_at) VALUES ($1, $2, $3, $4, $5);

-- name: start_by_short
-- The one that an application's short token stands for.
SELECT s.*, a.opened_at FROM psc.starts s JOIN psc.authorizations a ON a.id = s.id WHERE s.short_digest = $1;

-- name: name_holder
-- Its holder is named after it began; once, by one of all who try. From now on it is of that holder only.
UPDATE psc.authorizations SET hint = $2 WHERE id = $1 AND started AND step = 'open' AND hint IS NULL AND expires_at > $3
RETURNING id;

-- name: set_out
-- Set out to ask the phone for a session: of all who try, one; or another when the first never came back.
UPDATE psc.starts SET asked_at = $2 WHERE id = $1 AND (asked_at IS NULL OR asked_at < $3) RETURNING id;

-- name: start_answered
-- A phone answered one of its calls.
UPDATE psc.starts SET due_at = $2 WHERE due_at > $2 AND id IN (
    SELECT id FROM psc.authorizations WHERE started AND calls @> ARRAY[$1::text]);

-- name: start_settled
-- A phone answered about its session.
UPDATE psc.starts SET due_at = $2 WHERE due_at > $2 AND id IN (
    SELECT id FROM psc.authorizations WHERE started AND document = $1);

-- name: start_put_off
-- There is nothing to post yet.
UPDATE psc.starts SET due_at = $2 WHERE id = $1 AND due_at IS NOT NULL;

-- name: starting
-- Applications that will be posted what became of a start.
SELECT DISTINCT client FROM psc.starts WHERE due_at IS NOT NULL;

-- name: due_starts
-- Starts that are to be looked at now.
SELECT s.*, a.opened_at FROM psc.starts s JOIN psc.authorizations a ON a.id = s.id
WHERE s.due_at <= $1 ORDER BY s.due_at LIMIT $2;

-- name: take_start
-- Of several gateways one posts it.
UPDATE psc.starts SET due_at = NULL WHERE id = $1 AND due_at IS NOT NULL RETURNING id;

-- name: forget_session_calls
-- Calls that nobody repeats any more.
DELETE FROM psc.session_calls WHERE (token, use_digest) IN (
    SELECT token, use_digest FROM psc.session_calls WHERE made_at < $1 LIMIT $2);

-- name: forget_tokens
-- Tokens that are over since long.
DELETE FROM psc.tokens WHERE id IN (SELECT id FROM psc.tokens WHERE expires_at < $1 LIMIT $2);

-- name: forget_authorizations
-- Authorizations that are over since long and whose token is gone.
DELETE FROM psc.authorizations WHERE id IN (
    SELECT a.id FROM psc.authorizations a
    WHERE a.expires_at < $1 AND NOT EXISTS (SELECT FROM psc.tokens t WHERE t.granted_by = a.id) LIMIT $2);

-- name: ask_in
-- An application registers itself, if not too many wait already.
INSERT INTO psc.applications (id, name, comments, email, redirects, secret_digest, asked_at)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE (SELECT count(*) FROM psc.applications WHERE admitted_at IS NULL) < $8 RETURNING id;

-- name: waiting_applications
-- Those that wait for an operator, oldest first.
SELECT * FROM psc.applications WHERE admitted_at IS NULL ORDER BY asked_at, id;

-- name: waiting_application
-- One of them.
SELECT * FROM psc.applications WHERE id = $1 AND admitted_at IS NULL;

-- name: admitted
-- An operator let it in.
UPDATE psc.applications SET admitted_at = $2 WHERE id = $1 AND admitted_at IS NULL;

-- name: change_application
-- What an application says of itself.
UPDATE psc.applications SET comments = coalesce($2, comments), email = coalesce($3, email), redirects = $4 WHERE id = $1;

-- name: forget_applications
-- Those that nobody let in.
DELETE FROM psc.applications WHERE id IN (
    SELECT id FROM psc.applications WHERE admitted_at IS NULL AND asked_at < $1 LIMIT $2);
