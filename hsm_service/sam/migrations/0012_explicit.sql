-- Signing with the holder's factors sent by an application ("explicit"): the consents that phones signed, and the
-- generators of codes that phones hold (docs/decisions/0038).

-- A holder allows one application to send their factors for one certificate. The approved document is the evidence; this
-- row counts. What stands in the meaning is under the MAC; used and last_used only grow, and the SAM remembers them.
CREATE TABLE sam.consents (
    id         text        PRIMARY KEY REFERENCES sam.documents CHECK (id ~ '^req_[0-9a-z]{26}$'),
    credential text        NOT NULL REFERENCES sam.credentials,
    caller     text        NOT NULL, -- kind:id, as in documents
    binding    text        NOT NULL REFERENCES sam.bindings, -- of the phone that approved: a consent ends with it
    until      timestamptz NOT NULL,
    maximum    integer     NOT NULL CHECK (maximum BETWEEN 1 AND 100000),
    total      integer     NOT NULL DEFAULT 0 CHECK (total >= 0),                      -- tries ever reserved
    forgiven   integer     NOT NULL DEFAULT 0 CHECK (forgiven BETWEEN 0 AND total),    -- by right factors
    good       integer     NOT NULL DEFAULT 0 CHECK (good BETWEEN 0 AND total),        -- tries with right factors
    used       integer     NOT NULL DEFAULT 0 CHECK (used >= 0),                       -- signatures counted so far
    last_used  timestamptz,
    state      text        NOT NULL CHECK (state IN ('active', 'ended')),
    created_at timestamptz NOT NULL,
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33),
    CONSTRAINT never_more_than_consented CHECK (used <= maximum)
);
CREATE UNIQUE INDEX one_consent ON sam.consents (credential, caller) WHERE state = 'active';
CREATE INDEX consents_by_binding ON sam.consents (binding) WHERE state = 'active';

-- What makes codes on a phone without a network (RFC 6238): the secret, encrypted under a key that needs the HSM's
-- pepper, and the newest time step that a code of it was taken for.
CREATE TABLE sam.generators (
    id         text        PRIMARY KEY CHECK (id ~ '^gen_[0-9a-z]{26}$'),
    credential text        NOT NULL REFERENCES sam.credentials,
    binding    text        NOT NULL REFERENCES sam.bindings,
    document   text        NOT NULL UNIQUE REFERENCES sam.documents,
    kept       bytea       NOT NULL,
    pepper     smallint    NOT NULL,
    step       bigint      NOT NULL CHECK (step >= 0),
    state      text        NOT NULL CHECK (state IN ('active', 'ended')),
    created_at timestamptz NOT NULL,
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
CREATE UNIQUE INDEX one_generator ON sam.generators (binding) WHERE state = 'active';
CREATE INDEX generators_by_credential ON sam.generators (credential) WHERE state = 'active';

-- Which consent an activation rests on; under its MAC.
ALTER TABLE sam.activations ADD COLUMN consent text REFERENCES sam.consents;
CREATE INDEX activations_by_consent ON sam.activations (consent) WHERE consent IS NOT NULL AND NOT voided;

GRANT SELECT, INSERT ON sam.consents, sam.generators TO linkid_sam;
GRANT UPDATE (total, forgiven, good, used, last_used, state, mac) ON sam.consents TO linkid_sam;
GRANT UPDATE (kept, pepper, step, state, mac) ON sam.generators TO linkid_sam;
