-- The SAM's own tables (docs/protocol.md section 13): only linkid_sam writes, and nobody else reads but one view.
--
-- mac: one byte that names the version of the HSM's rowmac key, then HMAC-SHA256 over what the row means (section 7).
-- Whoever rewrites a row without the HSM makes it a row that does not exist. Columns outside the MAC only find rows.
CREATE SCHEMA sam;
REVOKE ALL ON SCHEMA sam FROM PUBLIC;

-- A user key: wrapped under the KEK, bound to the usage password and the pepper (custody), with its certificate.
CREATE TABLE sam.credentials (
    id               text        PRIMARY KEY CHECK (id ~ '^cred_[0-9a-z]{26}$'),
    emission         text        NOT NULL UNIQUE CHECK (emission ~ '^ems_[0-9a-z]{26}$'),
    emission_key     text        NOT NULL, -- jkt of the emission page's key
    key_algorithm    text        NOT NULL CHECK (key_algorithm IN ('RSA-2048', 'P-256')),
    state            text        NOT NULL CHECK (state IN ('prepared', 'bound', 'active', 'revoked')),
    salt             bytea       NOT NULL CHECK (octet_length(salt) = 16),
    argon2_m         integer     NOT NULL,
    argon2_t         integer     NOT NULL,
    argon2_p         integer     NOT NULL,
    kek              smallint    NOT NULL,
    pepper           smallint    NOT NULL,
    spki             bytea,      -- SubjectPublicKeyInfo DER; from 'bound' on
    bound            bytea,      -- nonce || AES-256-GCM(k, wrapped key)
    request          bytea,      -- PKCS#10 DER, signed by the key when it was made
    chain            bytea[]     NOT NULL DEFAULT '{}', -- DER, the holder's certificate first; from 'active' on
    certificate_hash bytea       GENERATED ALWAYS AS (sha256(chain[1])) STORED,
    spki_hash        bytea       GENERATED ALWAYS AS (sha256(spki)) STORED,
    subject          text,       -- the name a person reads
    serial           text,       -- hexadecimal
    valid_from       timestamptz,
    valid_to         timestamptz,
    created_at       timestamptz NOT NULL,
    mac              bytea       NOT NULL CHECK (octet_length(mac) = 33),
    CHECK (state = 'prepared' OR (spki IS NOT NULL AND bound IS NOT NULL AND request IS NOT NULL)),
    CHECK (state NOT IN ('active', 'revoked') OR (cardinality(chain) > 0 AND serial IS NOT NULL))
);
CREATE UNIQUE INDEX one_credential_per_key ON sam.credentials (spki_hash);
CREATE UNIQUE INDEX one_credential_per_certificate ON sam.credentials (certificate_hash);

-- A phone that may decide for a credential; its key proved the usage password once.
CREATE TABLE sam.bindings (
    id         text        PRIMARY KEY CHECK (id ~ '^bnd_[0-9a-z]{26}$'),
    credential text        NOT NULL REFERENCES sam.credentials,
    device     text        NOT NULL CHECK (device ~ '^dev_[0-9a-z]{26}$'),
    device_key bytea       NOT NULL CHECK (octet_length(device_key) = 65), -- SEC 1, uncompressed
    nickname   text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('trial', 'active', 'ended')),
    document   text        NOT NULL, -- the pairing's document
    created_at timestamptz NOT NULL,
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
CREATE UNIQUE INDEX one_binding_per_device ON sam.bindings (credential, device) WHERE state <> 'ended';
CREATE INDEX bindings_by_device ON sam.bindings (device) WHERE state <> 'ended';

-- A computer that may ask for signatures by a credential, as a phone allowed it.
CREATE TABLE sam.associations (
    id         text        PRIMARY KEY, -- <computer>.<credential>.<document>
    computer   text        NOT NULL CHECK (computer ~ '^cmp_[0-9a-z]{26}$'),
    credential text        NOT NULL REFERENCES sam.credentials,
    name       text        NOT NULL,
    os         text        NOT NULL,
    key        bytea       NOT NULL CHECK (octet_length(key) = 65),
    device     text        NOT NULL, -- whose phone allowed it
    document   text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('active', 'ended')),
    created_at timestamptz NOT NULL,
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
CREATE UNIQUE INDEX one_association ON sam.associations (computer, credential) WHERE state = 'active';

-- Approval documents: the bytes that were signed, and what became of them. Bytes and context are under the MAC.
CREATE TABLE sam.documents (
    id          text        PRIMARY KEY CHECK (id ~ '^(doc|req)_[0-9a-z]{26}$'),
    type        text        NOT NULL,
    data        bytea       NOT NULL,
    context     bytea       NOT NULL, -- canonical JSON: what the effect needs and the phone does not show
    credential  text        REFERENCES sam.credentials,
    device      text,
    caller      text,       -- kind:id of who asked, for 'sign'
    state       text        NOT NULL DEFAULT 'waiting'
                            CHECK (state IN ('waiting', 'approved', 'refused', 'expired', 'withdrawn')),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    mac         bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
CREATE UNIQUE INDEX one_waiting_request ON sam.documents (credential, caller) WHERE type = 'sign' AND state = 'waiting';
CREATE INDEX documents_waiting_by_credential ON sam.documents (credential) WHERE state = 'waiting';
CREATE INDEX documents_waiting_by_device ON sam.documents (device) WHERE state = 'waiting';

-- The evidence: who decided what. The proof itself is never stored, only its hash, which the signature covers.
CREATE TABLE sam.decisions (
    document      text        PRIMARY KEY REFERENCES sam.documents,
    decision      text        NOT NULL,
    signer        bytea       NOT NULL CHECK (octet_length(signer) = 65),
    device        text,       -- null for an emission page
    document_hash bytea       NOT NULL CHECK (octet_length(document_hash) = 32),
    proof_hash    bytea       NOT NULL CHECK (octet_length(proof_hash) = 32),
    signature     bytea       NOT NULL CHECK (octet_length(signature) = 64),
    decided_at    timestamptz NOT NULL
);

-- Guesses of the usage password: tries ever reserved, and how many of the first ones a right password forgave.
CREATE TABLE sam.attempts (
    credential text        NOT NULL REFERENCES sam.credentials,
    purpose    text        NOT NULL CHECK (purpose IN ('sign', 'pair')),
    total      integer     NOT NULL CHECK (total >= 0),
    forgiven   integer     NOT NULL CHECK (forgiven BETWEEN 0 AND total),
    last_at    timestamptz NOT NULL,
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33),
    PRIMARY KEY (credential, purpose)
);

-- A consumed approval: the opened blob, sealed to whoever asked.
CREATE TABLE sam.activations (
    id             text        PRIMARY KEY CHECK (id ~ '^act_[0-9a-z]{26}$'),
    document       text        NOT NULL UNIQUE REFERENCES sam.documents,
    credential     text        NOT NULL REFERENCES sam.credentials,
    sealed         bytea       NOT NULL,
    until          timestamptz NOT NULL,
    voided         boolean     NOT NULL DEFAULT false,
    mac            bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
CREATE INDEX activations_by_end ON sam.activations (until);

-- One row for each hash, as often as it was approved; at most one signature is ever stored, and only stored ones leave.
CREATE TABLE sam.occurrences (
    activation  text        NOT NULL REFERENCES sam.activations,
    ordinal     smallint    NOT NULL CHECK (ordinal >= 0),
    hash        bytea       NOT NULL,
    state       text        NOT NULL DEFAULT 'approved' CHECK (state IN ('approved', 'reserved', 'signed')),
    signature   bytea,
    signed_at   timestamptz,
    PRIMARY KEY (activation, ordinal),
    CHECK ((state = 'signed') = (signature IS NOT NULL))
);

-- "It was not me": this computer or integrator asks for nothing more of this credential, until somebody lifts it.
CREATE TABLE sam.freezes (
    credential text        NOT NULL REFERENCES sam.credentials,
    caller     text        NOT NULL,
    document   text        NOT NULL,
    since      timestamptz NOT NULL,
    lifted_at  timestamptz,
    PRIMARY KEY (credential, caller, document)
);

-- What the gateway may know about credentials. No blob, no MAC.
CREATE VIEW sam.credential_facts AS
SELECT id, spki_hash, chain, subject, serial, valid_from, valid_to, state, key_algorithm FROM sam.credentials;

GRANT USAGE ON SCHEMA sam TO linkid_sam, linkid_gateway;
GRANT SELECT ON sam.credential_facts TO linkid_gateway, linkid_sam;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA sam TO linkid_sam;
REVOKE INSERT ON sam.credential_facts FROM linkid_sam;
-- What changes after its birth, and nothing else:
GRANT UPDATE (state, kek, pepper, spki, bound, request, chain, subject, serial, valid_from, valid_to, mac)
    ON sam.credentials TO linkid_sam;
GRANT UPDATE (state, mac) ON sam.bindings, sam.associations TO linkid_sam;
GRANT UPDATE (state) ON sam.documents TO linkid_sam;
GRANT UPDATE (total, forgiven, last_at, mac) ON sam.attempts TO linkid_sam;
GRANT UPDATE (voided) ON sam.activations TO linkid_sam;
GRANT UPDATE (state, signature, signed_at) ON sam.occurrences TO linkid_sam;
GRANT UPDATE (lifted_at) ON sam.freezes TO linkid_sam;
