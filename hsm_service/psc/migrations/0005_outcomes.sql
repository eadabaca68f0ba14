-- Outcomes of authorize-ca that are to be posted to the application's address. `sealed` (where to, and the identifier)
-- opens with a key of the gateways. `document`: what the phone was asked; null of a holder that nobody found, who is told
-- of like one that did not answer. Whoever posts an outcome takes its row away: so it is posted once.
CREATE TABLE psc.outcomes (
    token    text        PRIMARY KEY REFERENCES psc.tokens ON DELETE CASCADE,
    client   text        NOT NULL CHECK (client ~ '^cli_[0-9a-z]{26}$'),
    document text        UNIQUE CHECK (document ~ '^req_[0-9a-z]{26}$'),
    sealed   bytea       NOT NULL,
    due_at   timestamptz NOT NULL                            -- when there will be an outcome, whatever it is
);
CREATE INDEX outcomes_by_time ON psc.outcomes (due_at);

GRANT SELECT, INSERT, DELETE ON psc.outcomes TO linkid_gateway;
GRANT UPDATE (document, sealed, due_at) ON psc.outcomes TO linkid_gateway;
