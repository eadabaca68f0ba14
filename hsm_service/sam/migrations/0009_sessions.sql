-- Sessions: approvals of "until a time, and at most so many signatures" (docs/protocol.md section 5).

-- Requests are what a caller asked for, of whichever type: caller is theirs alone.
DROP INDEX sam.one_waiting_request;
CREATE UNIQUE INDEX one_waiting_request ON sam.documents (credential, caller)
    WHERE caller IS NOT NULL AND state = 'waiting';
DROP INDEX sam.documents_by_code;
CREATE INDEX documents_by_code ON sam.documents (credential, verification_code, created_at) WHERE caller IS NOT NULL;

-- maximum and binding are under the MAC; both are null in the activation of listed hashes. caller only finds. used only
-- grows: the SAM remembers it, and learns it again from the audit.
ALTER TABLE sam.activations
    ADD COLUMN maximum   integer CHECK (maximum BETWEEN 1 AND 100000),
    ADD COLUMN binding   text,    -- of the phone that approved: a session ends with it
    ADD COLUMN caller    text,    -- kind:id, as in documents
    ADD COLUMN used      integer  NOT NULL DEFAULT 0 CHECK (used >= 0),
    ADD COLUMN last_used timestamptz,
    ADD CONSTRAINT never_more_than_approved CHECK (maximum IS NULL OR used <= maximum),
    ADD CONSTRAINT a_session_is_whole CHECK ((maximum IS NULL) = (binding IS NULL AND caller IS NULL));
CREATE INDEX sessions_open ON sam.activations (credential) WHERE maximum IS NOT NULL AND NOT voided;
GRANT UPDATE (used, last_used) ON sam.activations TO linkid_sam;

-- Each counter of a session serves once: for the use with this digest. digest, count and mac say what was reserved; what
-- is stored is what was released.
CREATE TABLE sam.uses (
    activation  text        NOT NULL REFERENCES sam.activations,
    counter     bigint      NOT NULL CHECK (counter BETWEEN 1 AND 9007199254740991),
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32), -- of the use: algorithms and hashes, in order
    count       smallint    NOT NULL CHECK (count BETWEEN 1 AND 100),
    total       integer     NOT NULL CHECK (total > 0),                 -- used, with this one
    state       text        NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'signed')),
    signatures  bytea[],
    reserved_at timestamptz NOT NULL,
    signed_at   timestamptz,
    mac         bytea       NOT NULL CHECK (octet_length(mac) = 33),
    PRIMARY KEY (activation, counter),
    CHECK ((state = 'signed') = (signatures IS NOT NULL))
);
GRANT SELECT, INSERT ON sam.uses TO linkid_sam;
GRANT UPDATE (state, signatures, signed_at) ON sam.uses TO linkid_sam;
