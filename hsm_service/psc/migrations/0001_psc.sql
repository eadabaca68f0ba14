-- What applications were allowed in the Brazilian dialect. Secrets are here as SHA-256 of 256 random bits; the handle of
-- a signature session is encrypted under a key that follows from such a secret (domain/sealing.py).
CREATE SCHEMA psc;
REVOKE ALL ON SCHEMA psc FROM PUBLIC;

-- One for each authorize request.
CREATE TABLE psc.authorizations (
    id             text        PRIMARY KEY CHECK (id ~ '^psa_[0-9a-z]{26}$'),
    client         text        NOT NULL,                     -- oauth's
    scope          text        NOT NULL CHECK (scope IN
                     ('single_signature', 'multi_signature', 'signature_session', 'authentication_session')),
    redirect       text        NOT NULL,
    redirect_given boolean     NOT NULL,
    state_param    text,
    challenge      text        NOT NULL,
    lifetime       integer     CHECK (lifetime > 0),         -- seconds asked for
    hint           bytea       CHECK (octet_length(hint) = 32),
    page           text        UNIQUE CHECK (page ~ '^pag_[0-9a-z]{26}$'), -- oauth's; null: the phone is rung
    calls          text[]      NOT NULL DEFAULT '{}',        -- pairing's links, one for each phone that was rung
    step           text        NOT NULL CHECK (step IN ('open', 'waiting', 'granted', 'spent', 'denied')),
    credentials    text[]      NOT NULL DEFAULT '{}',
    wait_digest    bytea       UNIQUE CHECK (octet_length(wait_digest) = 32), -- of whoever polls for the outcome
    code_digest    bytea       CHECK (octet_length(code_digest) = 32),
    sealed         bytea,
    until          timestamptz,                              -- the end of the session that was asked for
    opened_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,                     -- of the step it is in
    CHECK (step NOT IN ('granted', 'spent') OR (code_digest IS NOT NULL AND cardinality(credentials) > 0)),
    CHECK ((sealed IS NULL) = (until IS NULL)),
    -- a session is never granted without the phone's answer
    CHECK (scope <> 'signature_session' OR step NOT IN ('granted', 'spent') OR sealed IS NOT NULL)
);
CREATE INDEX authorizations_by_end ON psc.authorizations (expires_at);

CREATE TABLE psc.tokens (
    id            text        PRIMARY KEY CHECK (id ~ '^pst_[0-9a-z]{26}$'),
    secret_digest bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    client        text        NOT NULL,
    scope         text        NOT NULL CHECK (scope IN
                    ('single_signature', 'multi_signature', 'signature_session', 'authentication_session', 'application',
                     'async_signature')),
    granted_by    text        UNIQUE REFERENCES psc.authorizations, -- one code, one token
    credentials   text[]      NOT NULL,
    sealed        bytea,                                     -- a session's handle, or of the one request asked
    use_digest    bytea       CHECK (octet_length(use_digest) = 32), -- of the one request that it serves
    asked_at      timestamptz,                               -- when somebody set out to ask the phone for that
    used_at       timestamptz,                               -- when its signatures were returned
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    CHECK ((granted_by IS NULL) = (scope IN ('application', 'async_signature'))),
    CHECK (granted_by IS NOT NULL OR cardinality(credentials) = 0),
    CHECK ((use_digest IS NULL) = (asked_at IS NULL)),
    CHECK (use_digest IS NULL OR scope IN ('single_signature', 'multi_signature')),
    CHECK (scope <> 'signature_session' OR sealed IS NOT NULL)
);
CREATE INDEX tokens_by_end ON psc.tokens (expires_at);

GRANT USAGE ON SCHEMA psc TO linkid_gateway;
GRANT SELECT, INSERT, DELETE ON psc.authorizations, psc.tokens TO linkid_gateway;
GRANT UPDATE (step, calls, credentials, wait_digest, code_digest, sealed, until, expires_at) ON psc.authorizations
    TO linkid_gateway;
GRANT UPDATE (sealed, use_digest, asked_at, used_at, revoked_at) ON psc.tokens TO linkid_gateway;
