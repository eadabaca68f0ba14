-- Where applications want to be told. An address is no secret, but it is theirs: only the gateway reads it.
CREATE SCHEMA webhooks;
REVOKE ALL ON SCHEMA webhooks FROM PUBLIC;

CREATE TABLE webhooks.addresses (
    client text        PRIMARY KEY CHECK (client ~ '^cli_[0-9a-z]{26}$'),
    url    text        NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 500),
    since  timestamptz NOT NULL
);

-- Sessions whose end is still to be told. A row is taken away by whoever tells it: so it is told once.
CREATE TABLE webhooks.sessions (
    activation text        PRIMARY KEY CHECK (activation ~ '^act_[0-9a-z]{26}$'),
    client     text        NOT NULL,
    request    text        NOT NULL,
    credential text        NOT NULL,
    ends_at    timestamptz NOT NULL
);
CREATE INDEX sessions_by_end ON webhooks.sessions (ends_at);

GRANT USAGE ON SCHEMA webhooks TO linkid_gateway;
GRANT SELECT, INSERT, DELETE ON webhooks.addresses, webhooks.sessions TO linkid_gateway;
GRANT UPDATE (url, since) ON webhooks.addresses TO linkid_gateway;
