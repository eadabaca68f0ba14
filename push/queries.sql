-- Every statement of this slice. The table of push/domain/outbox.py arrives as two columns (sources, targets).

-- ---- The outbox ------------------------------------------------------------------------------------------------------

-- name: enqueue
-- Something is to be sent, if the transaction it is written in commits.
INSERT INTO push.outbox (kind, state, sealed, attempts, due_at, expires_at, created_at)
VALUES ($1, $2, $3, 0, $4, $5, $4)
RETURNING id;

-- name: take
-- The next few that are due, each to one worker: rivals skip what another is taking, and a lease keeps them off.
UPDATE push.outbox AS message SET state = step.target, attempts = message.attempts + 1, due_at = $4
FROM unnest($1::text[], $2::text[]) AS step (source, target)
WHERE message.state = step.source AND message.id IN (
    SELECT id FROM push.outbox
    WHERE state IN ('queued', 'taken') AND due_at <= $3 AND kind = ANY ($5::text[])
    ORDER BY due_at LIMIT $6 FOR UPDATE SKIP LOCKED
)
RETURNING message.id, message.kind, message.sealed, message.attempts, message.expires_at, message.created_at;

-- name: finish
-- A worker reports an end. One whose lease was over and whose message another took again is not heard.
UPDATE push.outbox AS message
SET state = step.target, sealed = NULL, finished_at = $5, failure = $6
FROM unnest($3::text[], $4::text[]) AS step (source, target)
WHERE message.id = $1 AND message.attempts = $2 AND message.state = step.source
RETURNING message.id;

-- name: try_later
-- A worker could not carry it now.
UPDATE push.outbox AS message SET state = step.target, due_at = $5, failure = $6
FROM unnest($3::text[], $4::text[]) AS step (source, target)
WHERE message.id = $1 AND message.attempts = $2 AND message.state = step.source
RETURNING message.id;

-- name: backlog
-- How many wait per kind, and for how long the eldest has been due: what an operator watches.
SELECT kind, count(*) AS waiting, min(due_at) AS eldest
FROM push.outbox WHERE state IN ('queued', 'taken') GROUP BY kind ORDER BY kind;

-- name: forget_finished
-- What is over and old goes.
DELETE FROM push.outbox WHERE finished_at < $1;

-- ---- Doorbells -------------------------------------------------------------------------------------------------------

-- name: add_doorbell
-- Something waits for this phone.
INSERT INTO push.doorbells (id, device, document, created_at, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: settle
-- The document is decided: nothing rings for it any more.
UPDATE push.doorbells SET settled_at = $2 WHERE document = $1 AND settled_at IS NULL;

-- name: ringing
-- What rings now on these phones.
SELECT id, device FROM push.doorbells
WHERE device = ANY ($1::text[]) AND settled_at IS NULL AND expires_at > $2
ORDER BY created_at, id;

-- name: announce
-- Tell every gateway that these phones have something new. A hint: gateways look for themselves as well.
SELECT pg_notify('linkid_doorbells', $1);

-- name: forget_doorbells
-- What is over and old goes.
DELETE FROM push.doorbells WHERE expires_at < $1;
