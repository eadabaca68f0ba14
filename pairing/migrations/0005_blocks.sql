-- Two more things that a holder is told on every other phone: that a phone blocked the certificate, and unblocked it.
ALTER TABLE pairing.warnings DROP CONSTRAINT warnings_kind_check;
ALTER TABLE pairing.warnings ADD CONSTRAINT warnings_kind_check
    CHECK (kind IN ('credential_locked', 'credential_blocked', 'credential_unblocked'));
