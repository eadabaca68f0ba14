-- A request may be for a session: used many times until its end. count is then how many signatures at most.
ALTER TABLE signing.requests
    ADD COLUMN kind text NOT NULL DEFAULT 'listed' CHECK (kind IN ('listed', 'session')),
    DROP CONSTRAINT requests_count_check,
    ADD CONSTRAINT requests_count_check CHECK (count BETWEEN 1 AND 100000);
