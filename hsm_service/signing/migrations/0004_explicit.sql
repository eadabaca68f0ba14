-- A request may be for a consent to send the holder's factors: it leaves no activation. And one may be born approved:
-- opened with such factors (the SAM judged them), it never waited.
ALTER TABLE signing.requests
    DROP CONSTRAINT requests_kind_check,
    ADD CONSTRAINT requests_kind_check CHECK (kind IN ('listed', 'session', 'consent')),
    DROP CONSTRAINT requests_check1,
    ADD CONSTRAINT approved_with_activation CHECK (
        kind = 'consent' OR (activation IS NOT NULL) >= (state IN ('approved', 'redeemed', 'signed')));
