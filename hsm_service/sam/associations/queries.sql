-- Computers of a credential.

-- name: add
-- A computer that a phone allowed.
INSERT INTO sam.associations (id, computer, credential, name, os, key, device, document, state, created_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: end_one
-- An association ends once.
UPDATE sam.associations SET state = 'ended', mac = $2 WHERE id = $1 AND state = 'active' RETURNING id;

-- name: of_computer
-- What a computer is associated with.
SELECT id, computer, credential, name, os, key, device, document, state, created_at, mac
FROM sam.associations WHERE computer = $1 AND state = 'active' ORDER BY created_at, id;

-- name: of_credentials
-- Every computer that may ask for some credentials.
SELECT id, computer, credential, name, os, key, device, document, state, created_at, mac
FROM sam.associations WHERE credential = ANY($1::text[]) AND state = 'active' ORDER BY created_at, id;

-- name: of_computer_and_credential
-- The association of one computer with one credential.
SELECT id, computer, credential, name, os, key, device, document, state, created_at, mac
FROM sam.associations WHERE computer = $1 AND credential = $2 AND state = 'active';
