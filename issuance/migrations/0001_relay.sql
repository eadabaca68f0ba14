-- The gateway's side of an emission: where a visit stands, so that a lost answer can be asked for again. Nothing here
-- is believed by the AC or the SAM.
CREATE SCHEMA issuance;
REVOKE ALL ON SCHEMA issuance FROM PUBLIC;

CREATE TABLE issuance.visits (
    emission    text        PRIMARY KEY CHECK (emission ~ '^ems_[0-9a-z]{26}$'),
    jkt         text        NOT NULL CHECK (length(jkt) = 43), -- the page's key; every call proves it
    document    text,                                          -- what the SAM fixed: the usage password is asked with it
    credential  text,
    possession  text,                                          -- the SAM's word, kept until the AC has answered
    certificate bytea,                                         -- the leaf, DER: the visit is over
    started_at  timestamptz NOT NULL,
    CONSTRAINT emitted_is_complete CHECK (certificate IS NULL OR (credential IS NOT NULL AND possession IS NOT NULL))
);
CREATE INDEX visits_by_age ON issuance.visits (started_at);

GRANT USAGE ON SCHEMA issuance TO linkid_gateway;
GRANT SELECT, INSERT, DELETE, UPDATE (document, credential, possession, certificate) ON issuance.visits
    TO linkid_gateway;
