-- Signature requests. Every change of state is guarded by the states it may come from (domain/request.py, TABLE).

-- name: add
-- Write down that a caller asks, before the SAM hears of it. The index one_pending_request refuses a second.
INSERT INTO signing.requests (name, secret_digest, caller_kind, caller, caller_name, credential, count, hash_algorithm,
                              sign_algorithm, state, asked_at, expires_at, kind)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'asked', $10, $11, $12)
RETURNING name;

-- name: add_opened
-- A request that the holder's factors opened under a consent: it never waited, and rang nobody.
INSERT INTO signing.requests (name, secret_digest, caller_kind, caller, caller_name, credential, count, hash_algorithm,
                              sign_algorithm, kind, state, document, activation, asked_at, settled_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'approved', $11, $12, $13, $13, $14);

-- name: by_names
-- Requests, by the public parts of their handles or SADs.
SELECT * FROM signing.requests WHERE name = ANY ($1::text[]);

-- name: by_document
-- One request, by the SAM's id of it.
SELECT * FROM signing.requests WHERE document = $1;

-- name: findable
-- What a caller that repeats its call may mean: what it waits for, what was approved and not signed whole, and what was
-- refused just now, so that a no that came while nobody listened is heard and not asked for twice. (``least``: with one
-- bound for both, PostgreSQL keeps its plan; without, it plans each time, which costs seven times the query.)
SELECT * FROM signing.requests WHERE caller = $1 AND credential = $2 AND state IN ('asked', 'waiting')
UNION ALL
(SELECT * FROM signing.requests
 WHERE caller = $1 AND credential = $2 AND settled_at > least($4::timestamptz, $5::timestamptz)
   AND ((state IN ('approved', 'redeemed') AND expires_at > $3 AND settled_at > $4)
        OR (state = 'refused' AND settled_at > $5))
 ORDER BY settled_at DESC LIMIT 20);

-- name: situations
-- What these callers were told about these credentials since the last approval: how many noes, and the last one. Whoever
-- asks and withdraws rang the phone as well: a withdrawn request counts like one that nobody answered. What never had a
-- document rang nowhere; what has an activation was approved, also when it lapsed afterwards. Beside it how many
-- requests ring for the credential now, of all callers, and which one this caller waits for still.
SELECT asked.place, found.*
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
    WITH ORDINALITY AS asked (caller, credential, remembered, now, place)
CROSS JOIN LATERAL (
    WITH settled AS (
        SELECT state, reason, settled_at, activation FROM signing.requests
        WHERE caller = asked.caller AND credential = asked.credential AND settled_at > asked.remembered
          AND document IS NOT NULL
    ), since AS (
        SELECT max(settled_at) AS at FROM settled WHERE activation IS NOT NULL
    ), noes AS (
        SELECT state, reason, settled_at FROM settled, since
        WHERE activation IS NULL AND (since.at IS NULL OR settled_at > since.at)
    )
    SELECT count(*) FILTER (WHERE state = 'refused') AS refusals,
           count(*) FILTER (WHERE state IN ('lapsed', 'withdrawn')) AS unanswered,
           (SELECT reason FROM noes ORDER BY settled_at DESC LIMIT 1) AS last_reason,
           max(settled_at) AS last_no,
           (SELECT count(*) FROM signing.requests
            WHERE credential = asked.credential AND state IN ('asked', 'waiting') AND expires_at > asked.now) AS pending,
           (SELECT name FROM signing.requests
            WHERE caller = asked.caller AND credential = asked.credential AND state IN ('asked', 'waiting')) AS own
    FROM noes
) AS found;

-- name: overdue
-- Requests of these callers that wait beyond their time: nobody asked what became of them.
SELECT * FROM signing.requests
WHERE state IN ('asked', 'waiting') AND expires_at <= $2 AND caller = ANY ($1::text[]) ORDER BY expires_at LIMIT $3;

-- name: fixed
-- The SAM fixed the document.
UPDATE signing.requests SET state = $2, document = $3, verification_code = $4, expires_at = $5
WHERE name = $1 AND state = ANY($6::text[]) RETURNING *;

-- name: settled
-- The holder answered, or nobody did, or the caller gave up.
UPDATE signing.requests
SET state = $2, reason = $3, activation = $4, settled_at = $5, expires_at = coalesce($6, expires_at)
WHERE name = $1 AND state = ANY($7::text[]) RETURNING *;

-- name: carried
-- The holder answered, and this gateway carried the answer.
UPDATE signing.requests
SET state = $2, reason = $3, activation = $4, settled_at = $5, expires_at = coalesce($6, expires_at)
WHERE document = $1 AND state = 'waiting' RETURNING *;

-- name: moved
-- Signed in part, signed whole, or not used in time.
UPDATE signing.requests SET state = $2 WHERE name = $1 AND state = ANY($3::text[]) RETURNING *;

-- name: announce
-- Wake whoever waits for these requests, on every gateway.
SELECT pg_notify('signing_settled', $1);

-- name: keep_response
-- An answer that its caller will collect: its signatures, or while the SAM is away the hashes, and those no longer than
-- that. The same call again is the same response, kept until the later end.
INSERT INTO signing.responses AS kept (id, secret_digest, request, caller_kind, caller, credential, hashes,
                                       hash_algorithm, sign_algorithm, counter, use_signature, signatures, asked_at,
                                       expires_at, documents, validation_info)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (id) DO UPDATE
SET signatures = coalesce(kept.signatures, excluded.signatures),
    hashes = CASE WHEN coalesce(kept.signatures, excluded.signatures) IS NULL THEN kept.hashes END,
    expires_at = greatest(kept.expires_at, excluded.expires_at);

-- name: response
-- A response that is kept still.
SELECT * FROM signing.responses WHERE id = $1 AND expires_at > $2;

-- name: count_responses
-- How many are kept for a caller.
SELECT count(*) FROM signing.responses WHERE caller = $1;

-- name: fill_response
-- The signatures are made; whoever was second made the same ones.
UPDATE signing.responses SET signatures = $2, hashes = NULL WHERE id = $1 AND signatures IS NULL;

-- name: forget_responses
-- Responses whose time is over.
DELETE FROM signing.responses WHERE id IN (SELECT id FROM signing.responses WHERE expires_at <= $1 LIMIT $2);

-- name: keep_preparation
-- A document waits for its signature.
INSERT INTO signing.preparations (request, caller, key, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)
RETURNING number;

-- name: preparations
-- What waits, or is finished, for a request; without the documents themselves.
SELECT number, key FROM signing.preparations WHERE request = $1 AND expires_at > $2 ORDER BY number;

-- name: preparation
-- One of a request's.
SELECT key, sealed, finished FROM signing.preparations WHERE number = $1 AND request = $2;

-- name: finish_preparation
-- The signed document in the place of the prepared one; whoever is second finds it finished.
UPDATE signing.preparations SET sealed = $3, finished = true
WHERE number = $1 AND request = $2 AND NOT finished RETURNING number;

-- name: prolong_preparations
-- Somebody collects them later.
UPDATE signing.preparations SET expires_at = greatest(expires_at, $3) WHERE request = $1 AND number = ANY ($2::bigint[]);

-- name: kept_bytes
-- How much is kept for a caller.
SELECT coalesce(sum(octet_length(sealed)), 0)::bigint FROM signing.preparations WHERE caller = $1;

-- name: forget_preparations
-- Those whose time is over, and those that nobody will sign any more.
DELETE FROM signing.preparations WHERE number IN (
    SELECT number FROM signing.preparations AS kept JOIN signing.requests AS asked ON asked.name = kept.request
    WHERE kept.expires_at <= $1 OR (NOT kept.finished AND asked.state IN ('refused', 'lapsed', 'withdrawn')) LIMIT $2);
