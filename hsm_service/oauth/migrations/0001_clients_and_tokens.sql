-- OAuth: clients, authorize pages, codes, tokens. Secrets are here as SHA-256 of 256 random bits, never as themselves.
CREATE SCHEMA oauth;
REVOKE ALL ON SCHEMA oauth FROM PUBLIC;

-- Integrators. Computers are clients too, but they are pairing's rows.
CREATE TABLE oauth.clients (
    id            text        PRIMARY KEY CHECK (id ~ '^cli_[0-9a-z]{26}$'),
    name          text        NOT NULL CHECK (name <> '' AND length(name) <= 80), -- shown on the phone
    method        text        NOT NULL CHECK (method IN ('secret', 'key', 'none')),
    secret_digest bytea       CHECK (octet_length(secret_digest) = 32),
    keys          jsonb       NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(keys) = 'array'),
    redirects     text[]      NOT NULL DEFAULT '{}',
    grants        text[]      NOT NULL CHECK (cardinality(grants) > 0
                                              AND grants <@ ARRAY['authorization_code', 'client_credentials']),
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz,
    CHECK ((secret_digest IS NOT NULL) = (method = 'secret')),
    CHECK ((jsonb_array_length(keys) > 0) = (method = 'key')),
    -- a public client has nothing but its code to show
    CHECK (method <> 'none' OR grants = ARRAY['authorization_code'])
);

-- Which credentials a client may ask for by itself, without a holder who identifies: an operator's decision.
CREATE TABLE oauth.allowed (
    client     text        NOT NULL REFERENCES oauth.clients,
    credential text        NOT NULL CHECK (credential ~ '^cred_[0-9a-z]{26}$'),
    since      timestamptz NOT NULL,
    PRIMARY KEY (client, credential)
);

-- An authorize page somebody looks at. Its secret is in the page, its link is pairing's.
CREATE TABLE oauth.pages (
    id             text        PRIMARY KEY CHECK (id ~ '^pag_[0-9a-z]{26}$'),
    secret_digest  bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    client         text        NOT NULL REFERENCES oauth.clients,
    redirect       text        NOT NULL,
    redirect_given boolean     NOT NULL,
    scope          text        NOT NULL,
    state_param    text,
    challenge      text        NOT NULL,
    link           text        NOT NULL UNIQUE,
    state          text        NOT NULL CHECK (state IN ('open', 'done', 'cancelled')),
    opened_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL
);

-- Authorization codes: consumed by one guarded UPDATE, kept for a while so that a second use is noticed.
CREATE TABLE oauth.codes (
    id             text        PRIMARY KEY CHECK (id ~ '^ac_[0-9a-z]{26}$'),
    secret_digest  bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    page           text        NOT NULL UNIQUE REFERENCES oauth.pages, -- a page gives one code
    client         text        NOT NULL REFERENCES oauth.clients,
    redirect       text        NOT NULL,
    redirect_given boolean     NOT NULL,
    challenge      text        NOT NULL,
    scope          text        NOT NULL,
    credentials    text[]      NOT NULL,
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz
);

CREATE TABLE oauth.tokens (
    id            text        PRIMARY KEY CHECK (id ~ '^at_[0-9a-z]{26}$'),
    secret_digest bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    client_kind   text        NOT NULL CHECK (client_kind IN ('integrator', 'computer')),
    client        text        NOT NULL,
    scope         text        NOT NULL,
    jkt           text,          -- RFC 7638 thumbprint of the key it is bound to
    credentials   text[],        -- what a holder approved; null: what the client itself may use
    code          text        REFERENCES oauth.codes,
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    -- the promise: a computer's token without its key is worth nothing
    CHECK (client_kind <> 'computer' OR jkt IS NOT NULL)
);
CREATE INDEX tokens_by_code ON oauth.tokens (code) WHERE code IS NOT NULL;
CREATE INDEX tokens_by_client ON oauth.tokens (client) WHERE revoked_at IS NULL;
CREATE INDEX tokens_by_end ON oauth.tokens (expires_at);
CREATE INDEX codes_by_end ON oauth.codes (expires_at);
CREATE INDEX pages_by_end ON oauth.pages (expires_at);

GRANT USAGE ON SCHEMA oauth TO linkid_gateway;
GRANT SELECT ON ALL TABLES IN SCHEMA oauth TO linkid_gateway;
GRANT INSERT ON oauth.clients, oauth.allowed, oauth.pages, oauth.codes, oauth.tokens TO linkid_gateway;
GRANT UPDATE (secret_digest, keys, disabled_at) ON oauth.clients TO linkid_gateway;
GRANT UPDATE (state) ON oauth.pages TO linkid_gateway;
GRANT UPDATE (consumed_at) ON oauth.codes TO linkid_gateway;
GRANT UPDATE (revoked_at) ON oauth.tokens TO linkid_gateway;
GRANT DELETE ON oauth.allowed, oauth.pages, oauth.codes, oauth.tokens TO linkid_gateway;
