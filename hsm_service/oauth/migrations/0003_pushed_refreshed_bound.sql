-- Requests pushed ahead (RFC 9126), signatures asked on the authorize page (CSC scope "credential"), refresh tokens,
-- clients known by a certificate (RFC 8705), and who may look into whose tokens (RFC 7662).
-- What a page, a code or a token carries of a signature is sealed under a key that follows from its own secret, and of
-- that secret there is only a digest here.

ALTER TABLE oauth.clients
    ADD COLUMN tls_subject  text,                        -- "dn:…", "dns:…", "uri:…", "ip:…", "email:…"
    ADD COLUMN certificates bytea[] NOT NULL DEFAULT '{}', -- DER, of clients that sign their own
    DROP CONSTRAINT clients_method_check,
    ADD CONSTRAINT clients_method_check CHECK (method IN ('secret', 'key', 'none', 'tls', 'self_signed')),
    DROP CONSTRAINT clients_grants_check,
    ADD CONSTRAINT clients_grants_check CHECK (cardinality(grants) > 0
        AND grants <@ ARRAY['authorization_code', 'client_credentials', 'refresh_token']),
    -- a public client has nothing but its code, and what follows from it, to show
    DROP CONSTRAINT clients_check2,
    ADD CONSTRAINT public_clients_have_no_rights_of_their_own
        CHECK (method <> 'none' OR NOT grants @> ARRAY['client_credentials']),
    ADD CONSTRAINT refreshing_begins_with_a_code
        CHECK (NOT grants @> ARRAY['refresh_token'] OR grants @> ARRAY['authorization_code']),
    ADD CONSTRAINT tls_clients_have_a_subject CHECK ((tls_subject IS NOT NULL) = (method = 'tls')),
    ADD CONSTRAINT self_signed_clients_have_certificates
        CHECK ((cardinality(certificates) > 0) = (method = 'self_signed'));

CREATE TABLE oauth.readers (
    reader text        NOT NULL REFERENCES oauth.clients, -- a resource server
    client text        NOT NULL REFERENCES oauth.clients, -- whose tokens it may ask about
    since  timestamptz NOT NULL,
    PRIMARY KEY (reader, client)
);

CREATE TABLE oauth.pushed (
    id            text        PRIMARY KEY CHECK (id ~ '^prq_[0-9a-z]{26}$'),
    secret_digest bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    client        text        NOT NULL REFERENCES oauth.clients,
    sealed        bytea       NOT NULL, -- the parameters, under a key from the secret
    expires_at    timestamptz NOT NULL,
    consumed_at   timestamptz
);
CREATE INDEX pushed_by_end ON oauth.pushed (expires_at);

ALTER TABLE oauth.pages
    ALTER COLUMN link DROP NOT NULL,
    ADD COLUMN credential text CHECK (credential ~ '^cred_[0-9a-z]{26}$'), -- whose holder is asked to sign
    ADD COLUMN sealed     bytea,                          -- what is asked; then also the handle
    ADD COLUMN asked      boolean NOT NULL DEFAULT false, -- a phone rang for it
    ADD CONSTRAINT a_page_knows_whom_to_ask CHECK (link IS NOT NULL OR credential IS NOT NULL),
    ADD CONSTRAINT only_what_is_sealed_is_asked CHECK (credential IS NULL OR sealed IS NOT NULL);

ALTER TABLE oauth.codes ADD COLUMN sealed bytea; -- of a signature: the SAD, and what was approved
ALTER TABLE oauth.tokens
    ADD COLUMN sealed bytea, -- likewise
    ADD COLUMN x5t    text;  -- SHA-256 of the certificate it is bound to (RFC 8705), base64url

-- A family of refresh tokens begins with a code; each is good for one use.
CREATE TABLE oauth.refresh_tokens (
    id            text        PRIMARY KEY CHECK (id ~ '^rt_[0-9a-z]{26}$'),
    secret_digest bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    client        text        NOT NULL REFERENCES oauth.clients,
    code          text        NOT NULL REFERENCES oauth.codes,
    scope         text        NOT NULL CHECK (scope = 'service'), -- the right to sign is never refreshed
    credentials   text[]      NOT NULL,
    jkt           text,
    x5t           text,
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    family_until  timestamptz NOT NULL CHECK (expires_at <= family_until),
    consumed_at   timestamptz,
    revoked_at    timestamptz
);
-- The promise: a family has at most one token that is good.
CREATE UNIQUE INDEX one_good_refresh_token ON oauth.refresh_tokens (code)
    WHERE consumed_at IS NULL AND revoked_at IS NULL;
CREATE INDEX refresh_tokens_by_code ON oauth.refresh_tokens (code);
CREATE INDEX refresh_tokens_by_client ON oauth.refresh_tokens (client) WHERE consumed_at IS NULL AND revoked_at IS NULL;
CREATE INDEX refresh_tokens_by_end ON oauth.refresh_tokens (expires_at);

GRANT SELECT, INSERT, DELETE ON oauth.readers, oauth.pushed, oauth.refresh_tokens TO linkid_gateway;
GRANT UPDATE (consumed_at) ON oauth.pushed TO linkid_gateway;
GRANT UPDATE (sealed, credential, asked) ON oauth.pages TO linkid_gateway;
GRANT UPDATE (consumed_at, revoked_at) ON oauth.refresh_tokens TO linkid_gateway;
