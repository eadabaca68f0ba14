-- Where a phone is reached while its app is closed, and what became of what was sent there.
ALTER TABLE push.outbox
    DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('sms', 'email', 'doorbell', 'webhook', 'push')),
    -- what the provider told later, of an SMS; it only goes forward (push/domain/deliveries.py)
    ADD delivery text CONSTRAINT outbox_delivery_check CHECK (delivery IN ('on_its_way', 'delivered', 'undelivered'));

-- A phone has one address at a time, and an address is one phone's. The content is sealed by a key that is not in here;
-- its name is an HMAC, so that a copy of the table does not tell whose address somebody knows.
CREATE TABLE push.addresses (
    device        text        PRIMARY KEY,
    kind          text        NOT NULL CHECK (kind IN ('webpush', 'fcm')),
    name          bytea       NOT NULL UNIQUE CHECK (octet_length(name) = 32),
    sealed        bytea       NOT NULL,
    registered_at timestamptz NOT NULL
);

ALTER TABLE push.doorbells
    ADD heard_at  timestamptz,  -- the phone asked what waits after it rang
    ADD pushed_at timestamptz;  -- a push service took it
CREATE INDEX doorbells_pushed ON push.doorbells (device, pushed_at) WHERE pushed_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON push.addresses TO linkid_gateway;
