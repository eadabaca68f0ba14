-- Signatures that a caller collects later (CSC's asynchronous mode). Kept as long as the caller said, then forgotten.
CREATE TABLE signing.responses (
    id             text        PRIMARY KEY CHECK (id ~ '^rsp_[0-9a-z]{26}$'),
    secret_digest  bytea       NOT NULL CHECK (octet_length(secret_digest) = 32), -- of the request's own secret
    request        text        NOT NULL REFERENCES signing.requests,
    caller_kind    text        NOT NULL CHECK (caller_kind IN ('computer', 'integrator')),
    caller         text        NOT NULL,
    credential     text        NOT NULL,
    hashes         bytea[],    -- until they are signed, and no longer
    hash_algorithm text        NOT NULL,
    sign_algorithm text        NOT NULL,
    counter        bigint,     -- what the caller said about its use of a session
    use_signature  text,
    signatures     bytea[],
    asked_at       timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    -- the promise: waiting with its hashes, or answered without them
    CHECK ((hashes IS NULL) = (signatures IS NOT NULL)),
    CHECK (coalesce(cardinality(hashes), cardinality(signatures)) BETWEEN 1 AND 100)
);
CREATE INDEX responses_by_end ON signing.responses (expires_at);
CREATE INDEX responses_by_caller ON signing.responses (caller);

GRANT SELECT, INSERT, DELETE ON signing.responses TO linkid_gateway;
GRANT UPDATE (signatures, hashes, expires_at) ON signing.responses TO linkid_gateway;
