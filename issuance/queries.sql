-- What the gateway remembers of visits to the emission page.

-- name: add_visit
-- A visit begins.
INSERT INTO issuance.visits (emission, jkt, started_at) VALUES ($1, $2, $3);

-- name: visit
-- A visit of one key: another key's does not exist.
SELECT emission, jkt, document, credential, possession, certificate FROM issuance.visits
WHERE emission = $1 AND jkt = $2;

-- name: set_document
-- The SAM fixed what the usage password is asked with; a new one replaces the old until the certificate is there.
UPDATE issuance.visits SET document = $2, credential = $3, possession = NULL
WHERE emission = $1 AND certificate IS NULL
RETURNING emission;

-- name: set_possession
-- The SAM made the key that belongs to this document.
UPDATE issuance.visits SET possession = $3, credential = $4
WHERE emission = $1 AND document = $2 AND certificate IS NULL
RETURNING emission;

-- name: set_certificate
-- The certificate is issued, activated and recorded.
UPDATE issuance.visits SET certificate = $2 WHERE emission = $1 AND certificate IS NULL;

-- name: sweep
-- Visits of yesterday; nobody asks for their answer again.
DELETE FROM issuance.visits WHERE started_at < $1;
