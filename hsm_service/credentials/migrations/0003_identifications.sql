-- By which number a credential is found: HMAC of CPF or CNPJ under a key of the gateways, so that neither the table nor a
-- backup of it is a list of numbers (the certificates themselves do bear them).
CREATE TABLE credentials.identifications (
    credential text  PRIMARY KEY CHECK (credential ~ '^cred_[0-9a-z]{26}$'),
    digest     bytea CHECK (octet_length(digest) = 32) -- null: its certificate bears no number
);
CREATE INDEX identifications_by_digest ON credentials.identifications (digest) WHERE digest IS NOT NULL;

GRANT SELECT, INSERT ON credentials.identifications TO linkid_gateway;
