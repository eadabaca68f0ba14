-- pwd_authorize: a token that the holder's own factors opened, under a consent that their phone signed. `opened` is the
-- SAM's document of what it may sign; no authorize request stands behind it. And what authorize-ca asks for: a consent.
ALTER TABLE psc.tokens
    ADD COLUMN opened text UNIQUE CHECK (opened ~ '^req_[0-9a-z]{26}$'),
    DROP CONSTRAINT tokens_scope_check,
    ADD CONSTRAINT tokens_scope_check CHECK (scope IN
        ('single_signature', 'multi_signature', 'signature_session', 'authentication_session', 'application',
         'async_signature', 'consent')),
    DROP CONSTRAINT tokens_check,
    ADD CONSTRAINT somebody_granted_it CHECK (
        (granted_by IS NULL) = (scope IN ('application', 'async_signature', 'consent') OR opened IS NOT NULL)),
    DROP CONSTRAINT tokens_check1,
    ADD CONSTRAINT of_somebody CHECK (
        granted_by IS NOT NULL OR opened IS NOT NULL OR cardinality(credentials) = 0),
    ADD CONSTRAINT factors_open_signatures CHECK (opened IS NULL OR (
        sealed IS NOT NULL AND scope IN ('single_signature', 'multi_signature', 'signature_session')));
