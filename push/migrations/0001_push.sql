-- What is on its way to people. Contents are sealed by a key that is not in the database (push/domain/sealing.py) and
-- are wiped when the message is finished; what stays says that something of a kind left, not to whom nor what.
CREATE SCHEMA push;
REVOKE ALL ON SCHEMA push FROM PUBLIC;

CREATE TABLE push.outbox (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('sms', 'email', 'doorbell')),
    state       text        NOT NULL CHECK (state IN ('queued', 'taken', 'sent', 'lapsed', 'dead')),
    sealed      bytea,
    attempts    smallint    NOT NULL CHECK (attempts >= 0),  -- how often it was taken; names the latest taking
    due_at      timestamptz NOT NULL,                        -- when to take it; of a taken one, when its lease is over
    expires_at  timestamptz NOT NULL,                        -- of no use from then on
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    failure     text,                                        -- the code of the last error
    CHECK ((sealed IS NULL) = (finished_at IS NOT NULL)),
    CHECK ((finished_at IS NULL) = (state IN ('queued', 'taken')))
);
CREATE INDEX outbox_due ON push.outbox (due_at) WHERE state IN ('queued', 'taken');
CREATE INDEX outbox_by_age ON push.outbox (finished_at) WHERE finished_at IS NOT NULL;

-- What rings on which phone until the document is decided or its time is over. The id is all that a phone is told.
CREATE TABLE push.doorbells (
    id         text        PRIMARY KEY,
    device     text        NOT NULL,
    document   text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz
);
CREATE INDEX doorbells_ringing ON push.doorbells (device) WHERE settled_at IS NULL;
CREATE INDEX doorbells_by_document ON push.doorbells (document);
CREATE INDEX doorbells_by_age ON push.doorbells (expires_at);

GRANT USAGE ON SCHEMA push TO linkid_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON push.outbox, push.doorbells TO linkid_gateway;
