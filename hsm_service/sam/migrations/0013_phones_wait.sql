-- A phone that comes after a certificate's first waits before it may decide (docs/decisions/0044). "until" is under the
-- row's MAC. "first" marks the one phone that did not have to wait; it stays when that phone is gone, so that ending a
-- binding (which asks for no signature) makes nobody first again.
ALTER TABLE sam.bindings
    DROP CONSTRAINT bindings_state_check,
    ADD CONSTRAINT bindings_state_check CHECK (state IN ('trial', 'waiting', 'active', 'ended')),
    ADD COLUMN until timestamptz,
    ADD COLUMN first boolean NOT NULL DEFAULT false;
UPDATE sam.bindings SET first = true
WHERE id IN (SELECT DISTINCT ON (credential) id FROM sam.bindings WHERE state <> 'trial'
             ORDER BY credential, created_at, id);
CREATE UNIQUE INDEX one_first_phone ON sam.bindings (credential) WHERE first;
CREATE INDEX bindings_waiting ON sam.bindings (until) WHERE state = 'waiting';
GRANT UPDATE (until, first) ON sam.bindings TO linkid_sam;
