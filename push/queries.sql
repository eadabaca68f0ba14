-- Every statement of this slice. The table of push/domain/outbox.py arrives as two columns (sources, targets).

-- ---- The outbox ------------------------------------------------------------------------------------------------------

-- name: enqueue
-- Things are to be sent, if the transaction they are written in commits.
INSERT INTO push.outbox (kind, state, sealed, attempts, due_at, expires_at, created_at)
SELECT queued.kind, $1, queued.sealed, 0, queued.due_at, queued.expires_at, $2
FROM unnest($3::text[], $4::bytea[], $5::timestamptz[], $6::timestamptz[]) AS queued (kind, sealed, due_at, expires_at)
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
-- A worker reports ends, a row for each that a message may come from. One whose lease was over and whose message another
-- took again is not heard.
UPDATE push.outbox AS message
SET state = report.target, sealed = NULL, finished_at = $1, failure = report.failure
FROM unnest($2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[])
    AS report (id, attempts, source, target, failure)
WHERE message.id = report.id AND message.attempts = report.attempts AND message.state = report.source
RETURNING message.id;

-- name: try_later
-- A worker could not carry it now.
UPDATE push.outbox AS message SET state = step.target, due_at = $5, failure = $6
FROM unnest($3::text[], $4::text[]) AS step (source, target)
WHERE message.id = $1 AND message.attempts = $2 AND message.state = step.source
RETURNING message.id;

-- name: progress
-- What became of some messages, for whoever queued them.
SELECT id, state, attempts, failure, CASE WHEN state = 'queued' THEN due_at END AS due_at
FROM push.outbox WHERE id = ANY ($1::bigint[]);

-- name: backlog
-- How many wait per kind, and for how long the eldest has been due: what an operator watches.
SELECT kind, count(*) AS waiting, min(due_at) AS eldest
FROM push.outbox WHERE state IN ('queued', 'taken') GROUP BY kind ORDER BY kind;

-- name: delivered
-- The provider tells what became of an SMS. Only forward: what was delivered, or never will be, stays so.
UPDATE push.outbox SET delivery = $2
WHERE id = $1 AND kind = 'sms' AND delivery IS DISTINCT FROM $2 AND (delivery IS NULL OR NOT delivery = ANY ($3::text[]))
RETURNING id;

-- name: deliveries
-- What left since then, and what became of it: for the operator.
SELECT kind, state, delivery, failure, count(*) AS messages
FROM push.outbox WHERE created_at > $1 GROUP BY kind, state, delivery, failure ORDER BY kind, state, delivery, failure;

-- name: forget_finished
-- What is over and old goes.
DELETE FROM push.outbox WHERE finished_at < $1;

-- ---- Doorbells -------------------------------------------------------------------------------------------------------

-- name: add_doorbells
-- Something waits for these phones.
INSERT INTO push.doorbells (id, device, document, created_at, expires_at)
SELECT bell.id, bell.device, bell.document, $1, bell.expires_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS bell (id, device, document, expires_at);

-- name: settle
-- The documents are decided: nothing rings for them any more.
UPDATE push.doorbells SET settled_at = $2 WHERE document = ANY ($1::text[]) AND settled_at IS NULL;

-- name: ringing
-- What rings now on these phones.
SELECT id, device FROM push.doorbells
WHERE device = ANY ($1::text[]) AND settled_at IS NULL AND expires_at > $2
ORDER BY created_at, id;

-- name: ringing_since
-- What began to ring since then and still does, on whichever phones: few, however many phones are connected.
SELECT id, device FROM push.doorbells
WHERE created_at > $1 AND settled_at IS NULL AND expires_at > $2
ORDER BY created_at, id;

-- name: wanted
-- Whether a phone should still be told of this by another way: it rings, and the phone does not know yet.
SELECT device FROM push.doorbells
WHERE id = $1 AND settled_at IS NULL AND heard_at IS NULL AND expires_at > $2;

-- name: heard
-- The phone asked what waits: it knows of everything that rings now, and needs no push for it.
UPDATE push.doorbells SET heard_at = $2
WHERE device = $1 AND heard_at IS NULL AND settled_at IS NULL AND expires_at > $2;

-- name: queue_for_phone
-- One push at a time is decided upon for a phone, whichever gateway decides.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: unanswered
-- How many other pushes a phone has not answered since it last did, and when the last of them went.
SELECT count(*) AS pushes, max(pushed_at) AS last
FROM push.doorbells AS bell
WHERE bell.device = $1 AND bell.id <> $2 AND bell.pushed_at > greatest($3::timestamptz, (
    SELECT max(other.heard_at) FROM push.doorbells AS other WHERE other.device = $1));

-- name: pushed
-- It goes to a push service now; or, with no time, it did not go after all.
UPDATE push.doorbells SET pushed_at = $2 WHERE id = $1;

-- name: doorbells_of
-- How a phone was rung lately: for the operator.
SELECT document, created_at, pushed_at, heard_at, settled_at
FROM push.doorbells WHERE device = $1 ORDER BY created_at DESC LIMIT $2;

-- name: announce
-- Tell every gateway that these phones have something new. A hint: gateways look for themselves as well.
SELECT pg_notify('linkid_doorbells', $1);

-- name: forget_doorbells
-- What is over and old goes.
DELETE FROM push.doorbells WHERE expires_at < $1;

-- ---- Addresses of phones at push services ----------------------------------------------------------------------------

-- name: let_go_of_address
-- An address is one phone's: who registers it takes it from whoever had it.
DELETE FROM push.addresses WHERE name = $1 AND device <> $2;

-- name: put_address
-- The phone's address from now on.
INSERT INTO push.addresses (device, kind, name, sealed, registered_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (device) DO UPDATE SET kind = EXCLUDED.kind, name = EXCLUDED.name, sealed = EXCLUDED.sealed,
                                   registered_at = EXCLUDED.registered_at;

-- name: address
-- Where a phone is reached.
SELECT kind, name, sealed, registered_at FROM push.addresses WHERE device = $1;

-- name: addressed
-- Which of these phones have an address.
SELECT device FROM push.addresses WHERE device = ANY ($1::text[]);

-- name: forget_address
-- The phone has none any more.
DELETE FROM push.addresses WHERE device = $1;

-- name: end_address
-- Nobody is there any more; unless the phone has taken another one meanwhile.
DELETE FROM push.addresses WHERE device = $1 AND name = $2 RETURNING device;
