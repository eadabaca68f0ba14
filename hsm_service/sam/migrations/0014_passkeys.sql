-- A phone's passkey in front of its device key (docs/decisions/0052). That a phone has one stands in its bindings, under
-- their MACs; "turns" counts how often that was changed, so that a row of before is noticed. A passkey's row says which
-- key speaks, and how far it has counted.
CREATE TABLE sam.passkeys (
    id         text        PRIMARY KEY CHECK (id ~ '^psk_[0-9a-z]{26}$'),
    device     text        NOT NULL,
    device_key bytea       NOT NULL CHECK (octet_length(device_key) = 65),
    handle     bytea       NOT NULL CHECK (octet_length(handle) BETWEEN 16 AND 1023), -- WebAuthn's credential id
    public_key bytea       NOT NULL CHECK (octet_length(public_key) = 65),
    counter    bigint      NOT NULL CHECK (counter >= 0),
    document   text        NOT NULL UNIQUE REFERENCES sam.documents,
    created_at timestamptz NOT NULL,
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
ALTER TABLE sam.bindings
    ADD COLUMN passkey text REFERENCES sam.passkeys,
    ADD COLUMN turns   integer NOT NULL DEFAULT 0 CHECK (turns >= 0);
GRANT SELECT, INSERT ON sam.passkeys TO linkid_sam;
GRANT UPDATE (counter, mac) ON sam.passkeys TO linkid_sam;
GRANT UPDATE (passkey, turns) ON sam.bindings TO linkid_sam;
