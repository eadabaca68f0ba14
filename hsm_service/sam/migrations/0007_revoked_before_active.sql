-- What the AC said about certificates that are over, in its own signed words: a revocation may come before the
-- certificate does (the AC issued, the answer was lost, an operator revoked), and must hold then too. Such a row needs
-- no MAC, because the AC's root signed it; it is never changed nor removed.
CREATE TABLE sam.revocations (
    certificate_hash bytea       PRIMARY KEY CHECK (octet_length(certificate_hash) = 32), -- SHA-256 of the DER
    serial           text        NOT NULL, -- hexadecimal
    statement        text        NOT NULL, -- JWS by the AC's root, type 'revoked'
    taken_at         timestamptz NOT NULL
);
CREATE INDEX revocations_by_serial ON sam.revocations (serial);
GRANT SELECT, INSERT ON sam.revocations TO linkid_sam;
