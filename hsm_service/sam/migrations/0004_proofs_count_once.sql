-- Proofs that were tried: the same proof again is the same guess, so it climbs the ladder once, however often a gateway
-- or a phone repeats the call. Only its hash is here. What is missing here is counted again, never less.
CREATE TABLE sam.tries (
    credential text        NOT NULL REFERENCES sam.credentials,
    purpose    text        NOT NULL CHECK (purpose IN ('sign', 'pair')),
    proof      bytea       NOT NULL CHECK (octet_length(proof) = 32), -- SHA-256 of the JWE
    ordinal    integer     NOT NULL CHECK (ordinal > 0),              -- its number among all tries ever
    tried_at   timestamptz NOT NULL,
    repeated   boolean     NOT NULL DEFAULT false,                    -- came more than once: is not given back
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33),
    PRIMARY KEY (credential, purpose, proof)
);
CREATE INDEX tries_to_forget ON sam.tries (tried_at);
-- Removed: when the HSM failed before the password was tried, and when the proof's document is over since long.
GRANT SELECT, INSERT, DELETE, UPDATE (repeated) ON sam.tries TO linkid_sam;
