-- BirdID's /oauth/start (docs/decisions/0054): an application draws the page, and the outcome is posted to its registered
-- address. No browser carries the code, so there is no challenge; every other authorization has one.
ALTER TABLE psc.authorizations
    ADD COLUMN started boolean NOT NULL DEFAULT false,
    ALTER COLUMN challenge DROP NOT NULL,
    DROP CONSTRAINT rung_without_a_page,
    ADD CONSTRAINT rung_without_a_page CHECK ((page IS NULL) = (started OR redirect = 'push://')),
    ADD CONSTRAINT only_what_is_posted_has_no_challenge CHECK ((challenge IS NULL) = started);
CREATE INDEX authorizations_by_call ON psc.authorizations USING gin (calls) WHERE started;

-- `sealed` (under which secret the phones are asked, and what the application knows it by) opens with a key of the
-- gateways. Whoever posts an outcome takes `due_at` away: so it is posted once.
CREATE TABLE psc.starts (
    id           text        PRIMARY KEY REFERENCES psc.authorizations ON DELETE CASCADE,
    client       text        NOT NULL CHECK (client ~ '^cli_[0-9a-z]{26}$'),
    short_digest bytea       NOT NULL UNIQUE CHECK (octet_length(short_digest) = 32),
    sealed       bytea       NOT NULL,
    asked_at     timestamptz,                                -- when a gateway set out to ask the phone for a session
    due_at       timestamptz                                 -- when a gateway looks at it next; null: it was posted
);
CREATE INDEX starts_by_time ON psc.starts (due_at) WHERE due_at IS NOT NULL;

GRANT UPDATE (hint) ON psc.authorizations TO linkid_gateway;
GRANT SELECT, INSERT ON psc.starts TO linkid_gateway;
GRANT UPDATE (asked_at, due_at) ON psc.starts TO linkid_gateway;
