-- Applications that their owners registered on the page. Until an operator lets one in there is no row of it in
-- oauth.clients, and its id and secret open nothing.
CREATE SCHEMA registration;
REVOKE ALL ON SCHEMA registration FROM PUBLIC;

-- The page itself is an application that an operator made known to the SAM: by it owners sign in.
CREATE TABLE registration.page (
    the_one boolean     PRIMARY KEY DEFAULT true CHECK (the_one),
    client  text        NOT NULL CHECK (client ~ '^cli_[0-9a-z]{26}$'),
    since   timestamptz NOT NULL
);

-- Who sits at the page. The browser has the secret; of a sign-in that is under way we know the authorize page.
CREATE TABLE registration.sign_ins (
    id            text        PRIMARY KEY CHECK (id ~ '^sin_[0-9a-z]{26}$'),
    secret_digest bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    page          text        CHECK (page ~ '^pag_[0-9a-z]{26}$'),
    owner         bytea       CHECK (octet_length(owner) = 32), -- keyed digest of a CPF or CNPJ
    owner_name    text        CHECK (length(owner_name) <= 200),
    expires_at    timestamptz NOT NULL,
    -- the promise: what waits for a phone is nobody's, and what is somebody's waits for nothing
    CHECK ((page IS NULL) = (owner IS NOT NULL) AND (owner IS NULL) = (owner_name IS NULL))
);
CREATE INDEX sign_ins_by_end ON registration.sign_ins (expires_at);

CREATE TABLE registration.applications (
    client        text        PRIMARY KEY CHECK (client ~ '^cli_[0-9a-z]{26}$'),
    owner         bytea       NOT NULL CHECK (octet_length(owner) = 32),
    owner_name    text        NOT NULL CHECK (owner_name <> '' AND length(owner_name) <= 200),
    name          text        NOT NULL CHECK (name <> '' AND length(name) <= 60),
    about         text        NOT NULL CHECK (length(about) <= 500),
    method        text        NOT NULL CHECK (method IN ('secret', 'key', 'none', 'tls', 'self_signed')),
    grants        text[]      NOT NULL CHECK (cardinality(grants) > 0),
    redirects     text[]      NOT NULL CHECK (cardinality(redirects) <= 10),
    keys          jsonb       NOT NULL CHECK (jsonb_typeof(keys) = 'array'),
    signs_asks    boolean     NOT NULL CHECK (NOT signs_asks OR method = 'key'),
    tls_subject   text,
    certificates  bytea[]     NOT NULL,
    secret_digest bytea       CHECK (octet_length(secret_digest) = 32),
    version       integer     NOT NULL DEFAULT 1 CHECK (version >= 1),
    asked_at      timestamptz NOT NULL,
    admitted_at   timestamptz,
    CHECK ((secret_digest IS NOT NULL) = (method = 'secret' AND admitted_at IS NULL)) -- afterwards it is oauth's
);
CREATE INDEX applications_of_owner ON registration.applications (owner);
CREATE INDEX applications_waiting ON registration.applications (asked_at) WHERE admitted_at IS NULL;

-- Return addresses at hosts that no operator has seen. Never changed: an operator admits what they read.
CREATE TABLE registration.changes (
    id        text        PRIMARY KEY CHECK (id ~ '^chg_[0-9a-z]{26}$'),
    client    text        NOT NULL UNIQUE REFERENCES registration.applications,
    redirects text[]      NOT NULL CHECK (cardinality(redirects) BETWEEN 1 AND 10),
    asked_at  timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA registration TO linkid_gateway;
GRANT SELECT, INSERT ON registration.page TO linkid_gateway;
GRANT UPDATE (client, since) ON registration.page TO linkid_gateway;
GRANT SELECT, INSERT, DELETE ON registration.sign_ins, registration.applications, registration.changes TO linkid_gateway;
GRANT UPDATE (secret_digest, version, admitted_at) ON registration.applications TO linkid_gateway;
