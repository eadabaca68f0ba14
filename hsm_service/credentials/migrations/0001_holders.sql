-- Holders and what is theirs. The credentials themselves are the SAM's rows; here they are only named.
CREATE SCHEMA credentials;
REVOKE ALL ON SCHEMA credentials FROM PUBLIC;

-- Telephone numbers are not unique: an accountant's number stands behind many companies.
CREATE TABLE credentials.holders (
    id         text        PRIMARY KEY CHECK (id ~ '^hld_[0-9a-z]{26}$'),
    name       text        NOT NULL CHECK (name <> '' AND length(name) <= 200),
    phone      text        NOT NULL CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'), -- E.164
    email      text        CHECK (length(email) <= 254),
    kind       text        NOT NULL CHECK (kind IN ('person', 'company')),
    created_at timestamptz NOT NULL
);
CREATE INDEX holders_by_phone ON credentials.holders (phone);

-- A credential has one holder; a holder has one to many credentials.
CREATE TABLE credentials.holdings (
    credential text        PRIMARY KEY CHECK (credential ~ '^cred_[0-9a-z]{26}$'),
    holder     text        NOT NULL REFERENCES credentials.holders,
    since      timestamptz NOT NULL
);
CREATE INDEX holdings_by_holder ON credentials.holdings (holder);

GRANT USAGE ON SCHEMA credentials TO linkid_gateway;
GRANT SELECT, INSERT, UPDATE (phone, email) ON credentials.holders TO linkid_gateway;
GRANT SELECT, INSERT ON credentials.holdings TO linkid_gateway;
