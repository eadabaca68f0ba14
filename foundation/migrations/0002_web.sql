-- What the web plumbing must remember between gateways: proofs that were already used.
CREATE SCHEMA web;
REVOKE ALL ON SCHEMA web FROM PUBLIC;

-- A DPoP proof (RFC 9449) or client assertion (RFC 7523) seen once. Rows are useless after "until" and are then removed.
CREATE TABLE web.seen_proofs (
    digest bytea       PRIMARY KEY CHECK (octet_length(digest) = 32), -- SHA-256 over kind, key and jti
    until  timestamptz NOT NULL
);
CREATE INDEX seen_proofs_by_end ON web.seen_proofs (until);

GRANT USAGE ON SCHEMA web TO linkid_gateway;
GRANT SELECT, INSERT, DELETE ON web.seen_proofs TO linkid_gateway;
