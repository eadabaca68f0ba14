-- Applications that registered themselves. Nobody but an operator lets one in: until then there is no row of it in
-- oauth.clients, and its id and secret open nothing.
CREATE TABLE psc.applications (
    id            text        PRIMARY KEY CHECK (id ~ '^cli_[0-9a-z]{26}$'),
    name          text        NOT NULL CHECK (name <> '' AND length(name) <= 60),
    comments      text        NOT NULL CHECK (length(comments) <= 1000),
    email         text        NOT NULL CHECK (length(email) <= 254),
    redirects     text[]      NOT NULL CHECK (cardinality(redirects) BETWEEN 1 AND 10),
    secret_digest bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    asked_at      timestamptz NOT NULL,
    admitted_at   timestamptz
);
CREATE INDEX applications_waiting ON psc.applications (asked_at) WHERE admitted_at IS NULL;

GRANT SELECT, INSERT ON psc.applications TO linkid_gateway;
GRANT UPDATE (comments, email, redirects, admitted_at) ON psc.applications TO linkid_gateway;
GRANT DELETE ON psc.applications TO linkid_gateway;
