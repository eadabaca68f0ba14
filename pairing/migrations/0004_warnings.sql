-- What a holder is told on every phone of a certificate, until dismissed there: one row for each phone. Only what
-- happened and when; the words are the app's own.
CREATE TABLE pairing.warnings (
    id           text        PRIMARY KEY,
    device       text        NOT NULL REFERENCES pairing.devices,           -- who is told
    credential   text        NOT NULL,
    kind         text        NOT NULL CHECK (kind = 'credential_locked'),
    phone        text        REFERENCES pairing.devices,                    -- where it came from, if known
    since        timestamptz NOT NULL,                                      -- by the SAM's clock; names the event
    until        timestamptz,                                               -- null: for ever
    created_at   timestamptz NOT NULL,
    dismissed_at timestamptz
);
-- However often the event is reported, a phone is told once.
CREATE UNIQUE INDEX one_warning_of_an_event ON pairing.warnings (device, credential, kind, since);
CREATE INDEX warnings_by_age ON pairing.warnings (created_at);

GRANT SELECT, INSERT, DELETE ON pairing.warnings TO linkid_gateway;
GRANT UPDATE (dismissed_at) ON pairing.warnings TO linkid_gateway;
