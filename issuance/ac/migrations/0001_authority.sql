-- The certificate authority. Its role writes all of it; nobody else sees any of it.
CREATE SCHEMA ac;
REVOKE ALL ON SCHEMA ac FROM PUBLIC;

-- Orders exactly as an operator signed them: verified again at every use, so that a row alone orders nothing.
CREATE TABLE ac.orders (
    id         text        PRIMARY KEY CHECK (id ~ '^ord_[0-9a-z]{26}$'),
    kind       text        NOT NULL CHECK (kind IN ('issue', 'revoke')),
    protocol   text        CHECK (protocol ~ '^[0-9]{10}$'),
    jws        text        NOT NULL CHECK (length(jws) <= 32768),
    -- HMAC by the HSM over order id and stretched installation password: no guessing without the HSM.
    verifier   bytea       CHECK (octet_length(verifier) = 32),
    taken_at   timestamptz NOT NULL,
    CONSTRAINT issue_orders_are_complete CHECK (kind <> 'issue' OR (protocol IS NOT NULL AND verifier IS NOT NULL))
);
CREATE UNIQUE INDEX one_issue_order_per_protocol ON ac.orders (protocol) WHERE kind = 'issue';

-- Tries of CPF and installation password per protocol number, existing or not: counted before they are looked at.
CREATE TABLE ac.tries (
    protocol     text        PRIMARY KEY CHECK (protocol ~ '^[0-9]{10}$'),
    used         integer     NOT NULL CHECK (used >= 0),
    locked_until timestamptz,
    last_at      timestamptz NOT NULL
);

-- One visit to the emission page. order_id is null when the protocol number does not exist: such a visit goes through
-- the same motions and is always refused.
CREATE TABLE ac.emissions (
    id             text        PRIMARY KEY CHECK (id ~ '^ems_[0-9a-z]{26}$'),
    protocol       text        NOT NULL CHECK (protocol ~ '^[0-9]{10}$'),
    order_id       text        REFERENCES ac.orders,
    key_x          bytea       NOT NULL CHECK (octet_length(key_x) = 32),
    key_y          bytea       NOT NULL CHECK (octet_length(key_y) = 32),
    state          text        NOT NULL CHECK (state IN ('started', 'identified', 'agreed', 'issued')),
    identify       bytea       NOT NULL, -- bytes of the document emission-identify
    answer         bytea,                -- SHA-256 of the accepted answer to it: its repetition needs no new try
    identified_mac bytea,                -- HMAC by the HSM: a row somebody else wrote is not identified
    term           bytea,                -- bytes of the document emission-term
    agreement      bytea,                -- the emission key's signature over it
    started_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT identified_is_proved CHECK (
        state = 'started'
        OR (order_id IS NOT NULL AND answer IS NOT NULL AND identified_mac IS NOT NULL AND term IS NOT NULL)
    ),
    CONSTRAINT agreed_is_signed CHECK (
        state IN ('started', 'identified') OR (agreement IS NOT NULL AND octet_length(agreement) = 64)
    )
);
CREATE INDEX emissions_by_end ON ac.emissions (expires_at) WHERE state <> 'issued';

-- Certificates from the intention on. "abandoned": intended, never stored, perhaps signed in a process that died; it
-- was never released, and stands in the revocation list all the same.
CREATE TABLE ac.certificates (
    serial        text        PRIMARY KEY CHECK (serial ~ '^[1-9a-f][0-9a-f]{15,39}$'),
    order_id      text        NOT NULL REFERENCES ac.orders,
    emission      text        NOT NULL,
    credential    text        NOT NULL CHECK (credential ~ '^cred_[0-9a-z]{26}$'),
    spki_hash     bytea       NOT NULL CHECK (octet_length(spki_hash) = 32),
    possession    text        NOT NULL, -- as the SAM signed it, with the CSR in it: evidence
    not_before    timestamptz NOT NULL,
    not_after     timestamptz NOT NULL,
    state         text        NOT NULL CHECK (state IN ('intended', 'issued', 'abandoned')),
    der           bytea,
    fingerprint   bytea       CHECK (octet_length(fingerprint) = 32),
    intended_at   timestamptz NOT NULL,
    issued_at     timestamptz,
    revoked_at    timestamptz,
    reason        text,
    revoked_by    text        REFERENCES ac.orders,
    CONSTRAINT issued_is_complete CHECK (
        (state = 'issued') = (der IS NOT NULL AND fingerprint IS NOT NULL AND issued_at IS NOT NULL)
    ),
    CONSTRAINT revoked_with_reason CHECK ((revoked_at IS NULL) = (reason IS NULL))
);
-- One certificate for an order, for ever: also when two calls race, or a process died between intention and signature.
CREATE UNIQUE INDEX one_certificate_per_order ON ac.certificates (order_id) WHERE state <> 'abandoned';
-- A public key is certified once.
CREATE UNIQUE INDEX public_key_never_seen ON ac.certificates (spki_hash);
CREATE INDEX certificates_revoked ON ac.certificates (revoked_at) WHERE revoked_at IS NOT NULL;

-- The last number of each revocation list; its row lock is what makes the numbers rise.
CREATE TABLE ac.crl_numbers (
    issuer text   PRIMARY KEY CHECK (issuer IN ('root', 'issuing')),
    number bigint NOT NULL CHECK (number >= 0)
);
INSERT INTO ac.crl_numbers VALUES ('root', 0), ('issuing', 0);

-- Every list ever published is kept: ICP-Brasil keeps them for good.
CREATE TABLE ac.crls (
    issuer      text        NOT NULL REFERENCES ac.crl_numbers,
    number      bigint      NOT NULL,
    this_update timestamptz NOT NULL,
    next_update timestamptz NOT NULL,
    der         bytea       NOT NULL,
    PRIMARY KEY (issuer, number)
);

GRANT USAGE ON SCHEMA ac TO linkid_ac;
GRANT SELECT, INSERT ON ac.orders, ac.crls TO linkid_ac;
GRANT SELECT, INSERT, UPDATE, DELETE ON ac.tries TO linkid_ac;
GRANT SELECT, INSERT, DELETE, UPDATE (state, answer, identified_mac, term, agreement) ON ac.emissions TO linkid_ac;
GRANT SELECT, INSERT, UPDATE (state, der, fingerprint, issued_at, revoked_at, reason, revoked_by) ON ac.certificates
    TO linkid_ac;
GRANT SELECT, UPDATE (number) ON ac.crl_numbers TO linkid_ac;
