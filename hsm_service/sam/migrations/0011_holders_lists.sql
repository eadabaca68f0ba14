-- What a holder is shown: the phones and computers of a certificate, and its requests, the newest first.
CREATE INDEX bindings_by_credential ON sam.bindings (credential) WHERE state <> 'ended';
CREATE INDEX associations_by_credential ON sam.associations (credential) WHERE state = 'active';
CREATE INDEX requests_by_time ON sam.documents (credential, created_at DESC, id DESC) WHERE caller IS NOT NULL;
