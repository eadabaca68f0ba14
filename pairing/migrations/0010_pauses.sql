-- The breaker of codes by SMS: where they are sent and hardly ever typed, nothing is sent until an operator lets it go on
-- (docs/decisions/0045). Ended ones stay: what was sent before is not held against a block or country again.
CREATE TABLE pairing.pauses (
    scope    text        NOT NULL CHECK (scope IN ('neighbourhood', 'country')),
    subject  text        NOT NULL, -- a number without its last four digits, or a calling code
    since    timestamptz NOT NULL,
    messages integer     NOT NULL,
    entered  integer     NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX one_pause_of_a_subject ON pairing.pauses (scope, subject) WHERE ended_at IS NULL;
GRANT SELECT, INSERT ON pairing.pauses TO linkid_gateway;
GRANT UPDATE (ended_at) ON pairing.pauses TO linkid_gateway;

-- Numbers may be of other countries, where an operator lets them in: any E.164 number.
ALTER TABLE pairing.numbers DROP CONSTRAINT numbers_number_check;
ALTER TABLE pairing.numbers ADD CONSTRAINT numbers_number_check CHECK (number ~ '^\+[1-9][0-9]{6,14}$');
ALTER TABLE pairing.pairings DROP CONSTRAINT pairings_number_check;
ALTER TABLE pairing.pairings ADD CONSTRAINT pairings_number_check CHECK (number ~ '^\+[1-9][0-9]{6,14}$');
