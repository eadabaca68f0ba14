-- Sessions end with what they were opened for, and a session's call repeats; promises that code kept alone until now.

-- What a session's authorization asked the phone. When its token is given back or its code used twice, when nobody comes
-- for the code, or nobody was there to hear the answer, the session ends at the SAM: `ended_at`.
ALTER TABLE psc.authorizations
    ADD COLUMN document text UNIQUE CHECK (document ~ '^req_[0-9a-z]{26}$'),
    ADD COLUMN ended_at timestamptz,
    ADD CONSTRAINT a_session_has_its_document CHECK ((sealed IS NULL) = (document IS NULL)) NOT VALID,
    ADD CONSTRAINT only_sessions_end CHECK (ended_at IS NULL OR document IS NOT NULL),
    ADD CONSTRAINT who_waits_can_ask CHECK (step <> 'waiting' OR (sealed IS NOT NULL AND wait_digest IS NOT NULL)),
    ADD CONSTRAINT rung_without_a_page CHECK ((page IS NULL) = (redirect = 'push://')),
    ADD CONSTRAINT calls_without_a_page CHECK (cardinality(calls) = 0 OR page IS NULL),
    ADD CONSTRAINT same_for_its_token UNIQUE (id, client, scope);
CREATE INDEX authorizations_open_sessions ON psc.authorizations (expires_at)
    WHERE document IS NOT NULL AND ended_at IS NULL;

-- A token is its authorization's: of the same application, for the same, and within the norm's longest life.
ALTER TABLE psc.tokens
    ADD CONSTRAINT as_it_was_granted FOREIGN KEY (granted_by, client, scope)
        REFERENCES psc.authorizations (id, client, scope),
    ADD CONSTRAINT used_for_something CHECK (used_at IS NULL OR (use_digest IS NOT NULL AND sealed IS NOT NULL)),
    ADD CONSTRAINT no_longer_than_the_norm CHECK (expires_at <= issued_at + interval '720 hours');

-- What a call in a session fixed around its hashes (a CMS has its time in it), for a while: the same call again is the
-- same signature. Sealed under the token.
CREATE TABLE psc.session_calls (
    token      text        NOT NULL REFERENCES psc.tokens ON DELETE CASCADE,
    use_digest bytea       NOT NULL CHECK (octet_length(use_digest) = 32), -- of everything that the call asks
    sealed     bytea       NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (token, use_digest)
);
CREATE INDEX session_calls_by_time ON psc.session_calls (made_at);

GRANT UPDATE (document, ended_at) ON psc.authorizations TO linkid_gateway;
GRANT SELECT, INSERT, DELETE ON psc.session_calls TO linkid_gateway;
GRANT UPDATE (sealed, made_at) ON psc.session_calls TO linkid_gateway;
