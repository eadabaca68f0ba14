-- A secret that was renewed is good for a while beside the new one, so that nothing stands still while it is replaced.
ALTER TABLE oauth.clients
    ADD COLUMN old_secret_digest bytea CHECK (octet_length(old_secret_digest) = 32),
    ADD COLUMN old_secret_until  timestamptz,
    ADD CONSTRAINT an_old_secret_ends CHECK ((old_secret_digest IS NULL) = (old_secret_until IS NULL)),
    ADD CONSTRAINT only_secrets_grow_old CHECK (old_secret_digest IS NULL OR method = 'secret');

GRANT UPDATE (old_secret_digest, old_secret_until) ON oauth.clients TO linkid_gateway;
