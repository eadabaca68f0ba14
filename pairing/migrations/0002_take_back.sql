-- A link that died after its holder had approved leaves something to take back from the SAM. Whether that was done is
-- written down, so that a process that dies in between, or a SAM that is away, leaves it to the next sweep.
ALTER TABLE pairing.links ADD COLUMN taken_back_at timestamptz;
CREATE INDEX links_to_take_back ON pairing.links (expires_at)
    WHERE document IS NOT NULL AND taken_back_at IS NULL AND state NOT IN ('associated', 'refused');
