-- A client may say with the authorize request which key will redeem the code (RFC 9449 section 10).
ALTER TABLE oauth.pages ADD COLUMN jkt text CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$');
ALTER TABLE oauth.codes ADD COLUMN jkt text CHECK (jkt ~ '^[A-Za-z0-9_-]{43}$');
