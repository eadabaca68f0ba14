-- Generators of codes on phones.

-- name: add
-- A generator that was just born.
INSERT INTO sam.generators (id, credential, binding, document, kept, pepper, step, state, created_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9);

-- name: of_binding
-- The generator of a phone for a credential.
SELECT * FROM sam.generators WHERE binding = $1 AND state = 'active';

-- name: of_document
-- The generator that an approval made.
SELECT * FROM sam.generators WHERE document = $1;

-- name: use
-- A code of a time step is taken: once, and only of a later step than every one before.
UPDATE sam.generators SET step = $3, mac = $4 WHERE id = $1 AND mac = $2 AND state = 'active' AND step < $3
RETURNING id;

-- name: keep_anew
-- The same secret under a newer pepper, if the row still is the one that was read.
UPDATE sam.generators SET kept = $3, pepper = $4, mac = $5 WHERE id = $1 AND mac = $2 AND state = 'active' RETURNING id;

-- name: under_older_peppers
-- Generators whose secret is kept under an older pepper than the newest.
SELECT * FROM sam.generators WHERE state = 'active' AND pepper < $1 ORDER BY id LIMIT $2;

-- name: needing_pepper
-- How many living generators need this version of the pepper.
SELECT count(*) FROM sam.generators WHERE state = 'active' AND pepper = $1;

-- name: end
-- The generators of one phone's binding, or of a credential: the secret goes with it.
UPDATE sam.generators SET state = 'ended', kept = ''
WHERE state = 'active' AND (binding = $1 OR credential = $2) RETURNING id, credential;
