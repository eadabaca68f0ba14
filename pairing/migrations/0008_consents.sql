-- One more thing that a holder is told on every phone: that wrong factors ended a consent.
ALTER TABLE pairing.warnings DROP CONSTRAINT warnings_kind_check;
ALTER TABLE pairing.warnings ADD CONSTRAINT warnings_kind_check
    CHECK (kind IN ('credential_locked', 'credential_blocked', 'credential_unblocked', 'consent_ended'));
