-- How often an application may call: a bucket for each client, from which gateways take in bites. Unlogged: what a crash
-- of the database forgets is a minute's count, and no call waits for a disk.
CREATE UNLOGGED TABLE oauth.calls (
    client text             PRIMARY KEY CHECK (client ~ '^c(li|mp)_[0-9a-z]{26}$'),
    left_in double precision NOT NULL,  -- at that moment
    at     timestamptz      NOT NULL
);
CREATE INDEX calls_by_age ON oauth.calls (at);

-- Null: what the settings say.
ALTER TABLE oauth.clients ADD COLUMN calls_per_minute integer CHECK (calls_per_minute >= 1);

GRANT SELECT, INSERT, DELETE ON oauth.calls TO linkid_gateway;
GRANT UPDATE (left_in, at) ON oauth.calls TO linkid_gateway;
GRANT UPDATE (calls_per_minute) ON oauth.clients TO linkid_gateway;
