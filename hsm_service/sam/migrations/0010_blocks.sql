-- "Bloquear tudo": a holder shuts a certificate, and it signs nothing until that is undone (docs/decisions/0036). All
-- three are under the row's MAC. blocks only grows: odd while the certificate is shut, even when it is open again.
ALTER TABLE sam.credentials
    ADD COLUMN blocks     bigint NOT NULL DEFAULT 0 CHECK (blocks BETWEEN 0 AND 4294967295),
    ADD COLUMN blocked_at timestamptz, -- when that last changed
    ADD COLUMN blocked_by text,        -- the phone that changed it, or 'operator'
    ADD CONSTRAINT a_block_is_whole CHECK (
        (blocks = 0) = (blocked_at IS NULL) AND (blocks = 0) = (blocked_by IS NULL));
GRANT UPDATE (blocks, blocked_at, blocked_by) ON sam.credentials TO linkid_sam;
