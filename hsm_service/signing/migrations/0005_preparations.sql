-- Documents that wait for the signatures they were prepared for, and then the signed documents until they were fetched.
-- Sealed under the request's own secret, which is not here: whoever reads this table reads no document.
CREATE TABLE signing.preparations (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order in which they were prepared
    request    text        NOT NULL REFERENCES signing.requests,
    caller     text        NOT NULL,
    key        bytea       NOT NULL CHECK (octet_length(key) = 32), -- what it is, said under the secret
    sealed     bytea       NOT NULL CHECK (octet_length(sealed) <= 67108864),
    finished   boolean     NOT NULL DEFAULT false,
    expires_at timestamptz NOT NULL
);
ALTER TABLE signing.preparations ALTER sealed SET STORAGE EXTERNAL; -- what is encrypted does not get smaller
CREATE INDEX preparations_by_request ON signing.preparations (request);
CREATE INDEX preparations_by_end ON signing.preparations (expires_at);
CREATE INDEX preparations_by_caller ON signing.preparations (caller);

GRANT SELECT, INSERT, DELETE ON signing.preparations TO linkid_gateway;
GRANT UPDATE (sealed, finished, expires_at) ON signing.preparations TO linkid_gateway;

-- An answer that is collected later may be of documents: which ones, and whether their evidence is wanted too.
ALTER TABLE signing.responses
    ADD COLUMN documents bigint[] CHECK (cardinality(documents) BETWEEN 1 AND 100),
    ADD COLUMN validation_info boolean NOT NULL DEFAULT false;
