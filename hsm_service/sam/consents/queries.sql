-- Consents to factors that an application sends.

-- name: look
-- The consent of an application for a credential, with all that using it is measured by: the credential, its ladder, the
-- application, the phone that approved, the generators of the credential, and whether the application is frozen.
SELECT c AS credential, k AS consent, d AS document, b AS binding, i AS client, a AS ladder,
       ARRAY(SELECT g FROM sam.generators g WHERE g.credential = c.id AND g.state = 'active') AS generators,
       EXISTS (SELECT FROM sam.freezes f WHERE f.credential = c.id AND f.caller = $2 AND f.lifted_at IS NULL) AS frozen
FROM sam.credentials c
LEFT JOIN sam.consents k ON k.credential = c.id AND k.caller = $2 AND k.state = 'active'
LEFT JOIN sam.documents d ON d.id = k.id
LEFT JOIN sam.bindings b ON b.id = k.binding AND b.state = 'active'
LEFT JOIN sam.clients i ON i.id = $3
LEFT JOIN sam.attempts a ON a.credential = c.id AND a.purpose = 'sign'
WHERE c.id = $1;

-- name: add
-- A consent that a holder gave.
INSERT INTO sam.consents (id, credential, caller, binding, until, maximum, state, created_at, mac)
VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $8);

-- name: by_id
-- One consent, whatever became of it.
SELECT * FROM sam.consents WHERE id = $1;

-- name: of_credentials
-- The consents of some credentials that are not over, the newest first.
SELECT * FROM sam.consents
WHERE credential = ANY($1::text[]) AND state = 'active' AND until > $2 ORDER BY created_at DESC, id;

-- name: take_try
-- One more try, over exactly the row that was read.
UPDATE sam.consents SET total = $3, mac = $4 WHERE id = $1 AND mac = $2 AND state = 'active' RETURNING id;

-- name: forgive
-- A try that never reached the factors.
UPDATE sam.consents SET forgiven = $3, good = $4, mac = $5 WHERE id = $1 AND mac = $2 AND state = 'active' RETURNING id;

-- name: open
-- Right factors: the tries are forgiven and the signatures counted, if the consent still stands, is not over, and has so
-- many left; at least one, also where they are counted later ($7: now).
UPDATE sam.consents SET forgiven = $3, good = $4, mac = $5, used = used + $6, last_used = $7
WHERE id = $1 AND mac = $2 AND state = 'active' AND until > $7 AND used + greatest($6, 1) <= maximum RETURNING used;

-- name: count
-- Signatures of an activation that counts them when they are made.
UPDATE sam.consents SET used = used + $2, last_used = $3
WHERE id = $1 AND state = 'active' AND until > $3 AND used + $2 <= maximum RETURNING used;

-- name: end_one
-- One consent is over.
UPDATE sam.consents SET state = 'ended' WHERE id = $1 AND state = 'active' RETURNING id, credential, caller;

-- name: end
-- The consents of a credential (null: of all) of one caller, or that one phone approved, or all (both null).
UPDATE sam.consents SET state = 'ended'
WHERE state = 'active' AND ($1::text IS NULL OR credential = $1) AND ($2::text IS NULL OR caller = $2)
  AND ($3::text IS NULL OR binding = $3)
RETURNING id, credential, caller;

-- name: end_all
-- After a restore no consent counts any more: nobody knows how far each had gone.
UPDATE sam.consents SET state = 'ended' WHERE state = 'active' RETURNING id, credential, caller;
