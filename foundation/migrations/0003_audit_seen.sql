-- The audit as others see it: a role that reads nothing else, and heads that were signed, so that an export proves
-- itself to whoever pins the SAM's root.
CREATE TABLE audit.signed_heads (
    signer text        NOT NULL CHECK (signer ~ '^sam-[0-9]{1,3}$'), -- which SAM; each numbers its own
    number bigint      NOT NULL CHECK (number > 0),
    at     timestamptz NOT NULL,
    jws    text        NOT NULL CHECK (octet_length(jws) <= 65536), -- protocol section 16; names the one before it
    PRIMARY KEY (signer, number)
);
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.signed_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

GRANT SELECT, INSERT ON audit.signed_heads TO linkid_sam;
GRANT USAGE ON SCHEMA audit TO linkid_auditor;
GRANT SELECT ON audit.lines, audit.heads, audit.signed_heads TO linkid_auditor;
