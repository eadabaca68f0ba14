-- Webhooks: where to, and which sessions' ends are still to be told.

-- name: set_address
-- One address for each application; another one takes its place.
INSERT INTO webhooks.addresses (client, url, since) VALUES ($1, $2, $3)
ON CONFLICT (client) DO UPDATE SET url = excluded.url, since = excluded.since;

-- name: drop_address
-- Nothing is told any more.
DELETE FROM webhooks.addresses WHERE client = $1 RETURNING client;

-- name: address
-- Where an application is told, if it wants to be.
SELECT url FROM webhooks.addresses WHERE client = $1;

-- name: listening
-- Who wants to be told anything.
SELECT client FROM webhooks.addresses;

-- name: session_began
-- Its end is to be told.
INSERT INTO webhooks.sessions (activation, client, request, credential, ends_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: session_ended
-- It is over before its time: whoever takes the row tells it.
DELETE FROM webhooks.sessions WHERE activation = $1 RETURNING activation, client, request, credential;

-- name: sessions_over
-- Their time is over; of several gateways each row goes to the one that deletes it.
DELETE FROM webhooks.sessions WHERE activation IN (
    SELECT activation FROM webhooks.sessions WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2
) RETURNING activation, client, request, credential;

-- name: note_delivery
-- An event was queued for an application.
INSERT INTO webhooks.deliveries (message, client, event, type, queued_at) VALUES ($1, $2, $3, $4, $5);

-- name: deliveries
-- The last ones of an application.
SELECT message, event, type, queued_at FROM webhooks.deliveries WHERE client = $1
ORDER BY queued_at DESC, message DESC LIMIT $2;

-- name: forget_deliveries
-- Those whose message is forgotten too.
DELETE FROM webhooks.deliveries WHERE message IN (
    SELECT message FROM webhooks.deliveries WHERE queued_at < $1 LIMIT $2);
