-- Phones and computers, and the ceremonies that introduce them. No code, key or token secret of anybody is in here:
-- codes are derived from a key of the gateway (pairing/domain/codes.py), tokens are kept as SHA-256.
--
-- States are the words of the tables in pairing/domain; each change is an UPDATE guarded by exactly those tables.
CREATE SCHEMA pairing;
REVOKE ALL ON SCHEMA pairing FROM PUBLIC;

-- A paired phone. Rights to sign are not here: those are the SAM's bindings.
CREATE TABLE pairing.devices (
    id           text        PRIMARY KEY,
    jkt          text        NOT NULL CHECK (length(jkt) = 43),             -- the name of its key (RFC 7638)
    key          jsonb       NOT NULL,                                      -- its public key: kty, crv, x, y
    nickname     text        CHECK (length(nickname) BETWEEN 1 AND 40),
    state        text        NOT NULL CHECK (state IN ('verified', 'named', 'trial', 'active', 'removed')),
    token        text        NOT NULL UNIQUE,                               -- the public half of its token, dvt_…
    token_digest bytea       NOT NULL CHECK (octet_length(token_digest) = 32),
    created_at   timestamptz NOT NULL,
    removed_at   timestamptz CHECK ((removed_at IS NULL) = (state <> 'removed')),
    CHECK (nickname IS NOT NULL OR state IN ('verified', 'removed'))
);
-- A key is one phone: pairing again with the same key finds the device that is there.
CREATE UNIQUE INDEX one_device_per_key ON pairing.devices (jkt) WHERE state <> 'removed';

-- Which numbers a phone proved, and when last. A number may be proved by several phones, a phone may prove several.
CREATE TABLE pairing.numbers (
    device      text        NOT NULL REFERENCES pairing.devices,
    number      text        NOT NULL CHECK (number ~ '^\+55[1-9][0-9]{9,10}$'),
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (device, number)
);

-- The proof of a number by SMS.
CREATE TABLE pairing.pairings (
    id         text        PRIMARY KEY,
    jkt        text        NOT NULL CHECK (length(jkt) = 43),
    key        jsonb       NOT NULL,
    number     text        NOT NULL CHECK (number ~ '^\+55[1-9][0-9]{9,10}$'),
    known      boolean     NOT NULL,                                        -- whether any credential has this number
    state      text        NOT NULL CHECK (state IN ('sent', 'verified', 'dead')),
    sends      smallint    NOT NULL CHECK (sends BETWEEN 1 AND 3),          -- also the HOTP counter of the last code
    tries      smallint    NOT NULL CHECK (tries BETWEEN 0 AND 5),          -- counted before they are tried
    sent_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX one_open_pairing_per_key ON pairing.pairings (jkt) WHERE state = 'sent';
CREATE INDEX pairings_by_age ON pairing.pairings (created_at);

-- Which phones to ring for a credential. A hint and no right: who may decide is what the SAM's own rows say.
CREATE TABLE pairing.rings (
    device     text        NOT NULL REFERENCES pairing.devices,
    credential text        NOT NULL,
    since      timestamptz NOT NULL,
    PRIMARY KEY (device, credential)
);
CREATE INDEX rings_by_credential ON pairing.rings (credential);

-- A computer that was associated; id and key are its OAuth client.
CREATE TABLE pairing.computers (
    id           text        PRIMARY KEY,
    jkt          text        NOT NULL UNIQUE CHECK (length(jkt) = 43),      -- also when ended: a key is one computer
    key          jsonb       NOT NULL,
    name         text        NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    os           text        NOT NULL CHECK (length(os) <= 40),
    version      text        NOT NULL CHECK (length(version) <= 40),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL
);

-- Which phone gave which computer the use of which credentials. It ends for each phone apart.
CREATE TABLE pairing.associations (
    computer    text        NOT NULL REFERENCES pairing.computers,
    device      text        NOT NULL REFERENCES pairing.devices,
    credentials text[]      NOT NULL CHECK (cardinality(credentials) > 0),
    since       timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE UNIQUE INDEX one_association_of_phone_and_computer ON pairing.associations (computer, device)
    WHERE ended_at IS NULL;
CREATE INDEX associations_by_device ON pairing.associations (device) WHERE ended_at IS NULL;

-- The ceremony behind a QR code.
CREATE TABLE pairing.links (
    id          text        PRIMARY KEY,
    purpose     text        NOT NULL CHECK (purpose IN ('associate', 'identify')),
    state       text        NOT NULL
                CHECK (state IN ('waiting', 'claimed', 'approved', 'associated', 'refused', 'dead')),
    ended_by    text,                                                       -- the event that ended it
    jkt         text        NOT NULL CHECK (length(jkt) = 43),              -- the asker's key or session
    key         jsonb       CHECK ((key IS NULL) = (purpose = 'identify')),
    token       text        NOT NULL UNIQUE CHECK (length(token) = 22),     -- finds the link of a frame; no secret
    locator     text        NOT NULL CHECK (length(locator) = 5),           -- finds the link of a typed code; no secret
    computer    text        CHECK ((computer IS NULL) = (purpose = 'identify')),
    name        text        NOT NULL,
    os          text        NOT NULL,
    version     text        NOT NULL,
    integrator  text        CHECK ((integrator IS NULL) = (purpose = 'associate')),
    scope       text        CHECK ((scope IS NULL) = (purpose = 'associate')),
    address     text        NOT NULL,                                       -- where it was opened from
    device      text        REFERENCES pairing.devices,
    credentials text[],
    document    text        UNIQUE,                                         -- what the SAM fixed for the phone
    checks      smallint    NOT NULL CHECK (checks BETWEEN 0 AND 3),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    CHECK (device IS NOT NULL OR state IN ('waiting', 'dead')),
    CHECK (document IS NOT NULL OR state NOT IN ('approved', 'associated'))
);
CREATE UNIQUE INDEX one_open_link_per_key ON pairing.links (jkt) WHERE state IN ('waiting', 'claimed', 'approved');
CREATE UNIQUE INDEX one_open_link_per_locator ON pairing.links (locator)
    WHERE state IN ('waiting', 'claimed', 'approved');
CREATE INDEX links_by_age ON pairing.links (created_at);

-- Uses that are limited (messages sent, codes missed, links begun): who, and when. Useless after a day.
CREATE TABLE pairing.uses (
    scope   text        NOT NULL,
    subject text        NOT NULL,
    at      timestamptz NOT NULL
);
CREATE INDEX uses_by_subject ON pairing.uses (scope, subject, at);
CREATE INDEX uses_by_age ON pairing.uses (at);

GRANT USAGE ON SCHEMA pairing TO linkid_gateway;
GRANT SELECT, INSERT, UPDATE ON pairing.devices, pairing.numbers, pairing.rings, pairing.computers,
    pairing.associations TO linkid_gateway;
GRANT DELETE ON pairing.rings TO linkid_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON pairing.pairings, pairing.links TO linkid_gateway;
GRANT SELECT, INSERT, DELETE ON pairing.uses TO linkid_gateway;
