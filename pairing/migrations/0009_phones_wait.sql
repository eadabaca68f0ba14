-- Holders are told that another phone waits to decide, and that phone is rung from when it may (rings.since).
ALTER TABLE pairing.warnings DROP CONSTRAINT warnings_kind_check;
ALTER TABLE pairing.warnings ADD CONSTRAINT warnings_kind_check
    CHECK (kind IN ('credential_locked', 'credential_blocked', 'credential_unblocked', 'consent_ended', 'phone_waiting'));
GRANT UPDATE (since) ON pairing.rings TO linkid_gateway;
