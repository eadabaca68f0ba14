-- What was told to whom, for its owner; the outbox knows what became of it, and forgets when we do.
CREATE TABLE webhooks.deliveries (
    message   bigint      PRIMARY KEY,
    client    text        NOT NULL CHECK (client ~ '^cli_[0-9a-z]{26}$'),
    event     text        NOT NULL CHECK (event ~ '^evt_[0-9a-z]{26}$'),
    type      text        NOT NULL,
    queued_at timestamptz NOT NULL
);
CREATE INDEX deliveries_of_client ON webhooks.deliveries (client, queued_at DESC);
CREATE INDEX deliveries_by_age ON webhooks.deliveries (queued_at);

GRANT SELECT, INSERT, DELETE ON webhooks.deliveries TO linkid_gateway;
