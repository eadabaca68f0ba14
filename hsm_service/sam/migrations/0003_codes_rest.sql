-- The verification code of a request, as its bytes say it: so that no two requests of one credential that live at the
-- same time show the same. It only finds; what a phone shows are the bytes.
ALTER TABLE sam.documents ADD COLUMN verification_code text;
CREATE INDEX documents_by_code ON sam.documents (credential, verification_code, created_at) WHERE type = 'sign';
