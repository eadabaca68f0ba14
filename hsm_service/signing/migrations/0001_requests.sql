-- Signature requests as the gateway knows them. No hash, no label, no document: those are the SAM's. No secret either.
CREATE SCHEMA signing;
REVOKE ALL ON SCHEMA signing FROM PUBLIC;

CREATE TABLE signing.requests (
    name              text        PRIMARY KEY CHECK (name ~ '^hdl_[0-9a-z]{26}$'),
    secret_digest     bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
    caller_kind       text        NOT NULL CHECK (caller_kind IN ('computer', 'integrator')),
    caller            text        NOT NULL,
    caller_name       text        NOT NULL,
    credential        text        NOT NULL CHECK (credential ~ '^cred_[0-9a-z]{26}$'),
    count             integer     NOT NULL CHECK (count BETWEEN 1 AND 10000),
    hash_algorithm    text        NOT NULL,
    sign_algorithm    text        NOT NULL,
    state             text        NOT NULL CHECK (state IN
                        ('asked', 'waiting', 'approved', 'redeemed', 'signed', 'refused', 'lapsed', 'withdrawn')),
    document          text        UNIQUE CHECK (document ~ '^req_[0-9a-z]{26}$'),
    verification_code text,
    activation        text        CHECK (activation ~ '^act_[0-9a-z]{26}$'),
    reason            text,                 -- of a refusal: the decision's own word
    asked_at          timestamptz NOT NULL,
    settled_at        timestamptz,          -- when the holder's answer, or its absence, was learnt
    expires_at        timestamptz NOT NULL, -- of the document while pending, of the activation once approved
    CHECK (document IS NOT NULL OR state IN ('asked', 'lapsed', 'withdrawn')),
    CHECK ((activation IS NOT NULL) >= (state IN ('approved', 'redeemed', 'signed'))),
    CHECK ((reason IS NOT NULL) = (state = 'refused'))
);

-- The promise: a caller waits for one answer of a holder at a time, however many gateways it asks.
CREATE UNIQUE INDEX one_pending_request ON signing.requests (caller, credential) WHERE state IN ('asked', 'waiting');
CREATE INDEX requests_pending ON signing.requests (credential) WHERE state IN ('asked', 'waiting');
-- For the back-off: what this caller was told lately.
CREATE INDEX requests_settled ON signing.requests (caller, credential, settled_at) WHERE settled_at IS NOT NULL;

GRANT USAGE ON SCHEMA signing TO linkid_gateway;
GRANT SELECT, INSERT ON signing.requests TO linkid_gateway;
GRANT UPDATE (state, document, verification_code, activation, reason, settled_at, expires_at)
    ON signing.requests TO linkid_gateway;
