-- Every statement of this slice. What consumes something is one guarded UPDATE … RETURNING: among rivals one wins.
--
-- Where a state changes, the table of pairing/domain arrives as two columns (sources, targets) and the row follows it:
-- "unnest($n::text[], $m::text[]) AS step (source, target)". A row in another state is left alone and nothing returns.

-- ---- The proof of a number -------------------------------------------------------------------------------------------

-- name: end_open_pairing
-- Whoever starts again with the same key gives up what was open.
UPDATE pairing.pairings SET state = step.target
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE jkt = $1 AND state = step.source;

-- name: add_pairing
-- A number was given and a first code is on its way.
INSERT INTO pairing.pairings (id, jkt, key, number, known, state, sends, tries, sent_at, expires_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 1, 0, $7, $8, $7);

-- name: pairing
-- A pairing, to the key that began it only.
SELECT id, jkt, key, number, known, state, sends, tries, sent_at, expires_at
FROM pairing.pairings WHERE id = $1 AND jkt = $2;

-- name: send_again
-- Count one more message, whose code replaces the last: only if nobody else sent one since we looked.
UPDATE pairing.pairings SET state = step.target, sends = sends + 1, sent_at = $6, expires_at = $7
FROM unnest($4::text[], $5::text[]) AS step (source, target)
WHERE id = $1 AND jkt = $2 AND sends = $3 AND sends < 3 AND state = step.source
RETURNING sends;

-- name: reserve_try
-- Count a try before it is made, so that no crash and no rival makes it free.
UPDATE pairing.pairings SET tries = tries + 1
WHERE id = $1 AND jkt = $2 AND state = 'sent' AND tries < 5 AND expires_at > $3
RETURNING id, jkt, key, number, known, state, sends, tries, sent_at, expires_at;

-- name: take_code
-- Consume the code of that message, once.
UPDATE pairing.pairings SET state = step.target
FROM unnest($3::text[], $4::text[]) AS step (source, target)
WHERE id = $1 AND sends = $2 AND state = step.source AND expires_at > $5
RETURNING id;

-- name: spend_tries
-- The last try was wrong: nothing can be proved with this pairing any more.
UPDATE pairing.pairings SET state = step.target
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE id = $1 AND state = step.source AND tries >= 5
RETURNING id;

-- ---- Devices ---------------------------------------------------------------------------------------------------------

-- name: add_device
-- The phone with this key: a new one, or the one that is there, which gets a new token (the old one is void).
INSERT INTO pairing.devices (id, jkt, key, state, token, token_digest, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (jkt) WHERE state <> 'removed' DO UPDATE SET token = EXCLUDED.token, token_digest = EXCLUDED.token_digest
RETURNING id, jkt, key, nickname, state;

-- name: prove_number
-- This phone received a code at this number, now.
INSERT INTO pairing.numbers (device, number, verified_at) VALUES ($1, $2, $3)
ON CONFLICT (device, number) DO UPDATE SET verified_at = EXCLUDED.verified_at;

-- name: numbers
-- The numbers a phone proved since then, the latest first.
SELECT number, verified_at FROM pairing.numbers WHERE device = $1 AND verified_at > $2 ORDER BY verified_at DESC, number;

-- name: last_number
-- The number that a phone proved last.
SELECT number FROM pairing.numbers WHERE device = $1 ORDER BY verified_at DESC, number LIMIT 1;

-- name: devices_by_token
-- The phones of tokens' public halves, with the digests of their secret halves.
SELECT id, jkt, key, nickname, state, token, token_digest, last_seen_at
FROM pairing.devices WHERE token = ANY ($1::text[]) AND state <> 'removed';

-- name: standing_tokens
-- Which of these tokens still let a phone in.
SELECT token FROM pairing.devices WHERE token = ANY ($1::text[]) AND state <> 'removed';

-- name: device
-- A phone.
SELECT id, jkt, key, nickname, state FROM pairing.devices WHERE id = $1;

-- name: seen_devices
-- Phones were heard of; an hour is exact enough, and one write an hour is all that it costs. In order, so that no two
-- gateways wait for each other.
UPDATE pairing.devices AS device SET last_seen_at = $2
FROM (
    SELECT id FROM pairing.devices
    WHERE id = ANY ($1::text[]) AND (last_seen_at IS NULL OR last_seen_at < $3) ORDER BY id FOR UPDATE
) AS stale
WHERE device.id = stale.id;

-- name: devices_seen
-- Names of phones, and when each was last heard of.
SELECT id, nickname, last_seen_at FROM pairing.devices WHERE id = ANY ($1::text[]) ORDER BY id;

-- name: rings_of_both
-- Credentials that a phone is rung for (now: one that waits has no say), and another one too.
SELECT mine.credential FROM pairing.rings AS mine JOIN pairing.rings AS other ON other.credential = mine.credential
WHERE mine.device = $1 AND mine.since <= $3 AND other.device = $2 ORDER BY mine.credential;

-- name: end_rings_for
-- A phone was sent away from some credentials.
DELETE FROM pairing.rings WHERE device = $1 AND credential = ANY ($2::text[]);

-- name: step_device
-- Something happened to a phone.
UPDATE pairing.devices SET state = step.target
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE id = $1 AND state = step.source
RETURNING id, jkt, key, nickname, state;

-- name: name_device
-- A phone takes its (next) nickname.
UPDATE pairing.devices SET nickname = $2, state = step.target
FROM unnest($3::text[], $4::text[]) AS step (source, target)
WHERE id = $1 AND state = step.source
RETURNING id, jkt, key, nickname, state;

-- name: remove_device
-- A phone is unpaired; its token answers no more.
UPDATE pairing.devices SET state = step.target, removed_at = $4
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE id = $1 AND state = step.source
RETURNING id;

-- name: add_ring
-- Ring this phone for this credential from now on.
INSERT INTO pairing.rings (device, credential, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
RETURNING credential;

-- name: ring_now
-- A phone that was to be rung later is rung from now on.
UPDATE pairing.rings SET since = $3 WHERE device = $1 AND credential = $2 AND since > $3;

-- name: devices_to_ring
-- Which phones to ring for a credential now: those that wait to decide are not.
SELECT ring.device FROM pairing.rings AS ring JOIN pairing.devices AS device ON device.id = ring.device
WHERE ring.credential = $1 AND ring.since <= $2 AND device.state = 'active' ORDER BY ring.device;

-- name: rung_elsewhere
-- Which of these credentials have an active phone other than this one.
SELECT DISTINCT ring.credential FROM pairing.rings AS ring JOIN pairing.devices AS device ON device.id = ring.device
WHERE ring.credential = ANY ($1::text[]) AND ring.device <> $2 AND device.state = 'active' ORDER BY ring.credential;

-- name: end_rings
-- A removed phone is rung no more.
DELETE FROM pairing.rings WHERE device = $1;

-- ---- Links -----------------------------------------------------------------------------------------------------------

-- name: end_open_link
-- Whoever starts again with the same key gives up what was open.
UPDATE pairing.links SET state = step.target, ended_by = $4
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE jkt = $1 AND state = step.source
RETURNING id;

-- name: add_link
-- A link begins. A computer whose key we know keeps its id.
INSERT INTO pairing.links (id, purpose, state, jkt, key, token, locator, computer, name, os, version, integrator, scope,
                           address, checks, created_at, expires_at, called, numbered, still)
VALUES ($1, $2, $3, $4, $5, $6, $7,
        CASE WHEN $8::text IS NOT NULL THEN coalesce((SELECT id FROM pairing.computers WHERE jkt = $4), $8) END,
        $9, $10, $11, $12, $13, $14, 0, $15, $16, $17, $18, $19);

-- name: link
-- A link, to the key that began it only, with the nickname of the phone that claimed it.
SELECT link.id, link.purpose, link.state, link.ended_by, link.jkt, link.key, link.token, link.locator, link.computer,
       link.name, link.os, link.version, link.integrator, link.scope, link.address, link.device, link.credentials,
       link.document, link.checks, link.called, link.numbered, link.number_typed, link.still, link.created_at,
       link.expires_at, device.nickname AS phone, device.jkt AS device_jkt
FROM pairing.links AS link LEFT JOIN pairing.devices AS device ON device.id = link.device
WHERE link.id = $1 AND link.jkt = $2;

-- name: link_by_token
-- The link whose frame was scanned.
SELECT link.id, link.purpose, link.state, link.ended_by, link.jkt, link.key, link.token, link.locator, link.computer,
       link.name, link.os, link.version, link.integrator, link.scope, link.address, link.device, link.credentials,
       link.document, link.checks, link.called, link.numbered, link.number_typed, link.still, link.created_at,
       link.expires_at, device.nickname AS phone, device.jkt AS device_jkt
FROM pairing.links AS link LEFT JOIN pairing.devices AS device ON device.id = link.device
WHERE link.token = $1;

-- name: link_by_locator
-- The open link whose code was typed.
SELECT link.id, link.purpose, link.state, link.ended_by, link.jkt, link.key, link.token, link.locator, link.computer,
       link.name, link.os, link.version, link.integrator, link.scope, link.address, link.device, link.credentials,
       link.document, link.checks, link.called, link.numbered, link.number_typed, link.still, link.created_at,
       link.expires_at, device.nickname AS phone, device.jkt AS device_jkt
FROM pairing.links AS link LEFT JOIN pairing.devices AS device ON device.id = link.device
WHERE link.locator = $1 AND NOT link.called AND link.state IN ('waiting', 'claimed', 'approved');

-- name: link_by_document
-- The link that a decided document belongs to.
SELECT link.id, link.purpose, link.state, link.ended_by, link.jkt, link.key, link.token, link.locator, link.computer,
       link.name, link.os, link.version, link.integrator, link.scope, link.address, link.device, link.credentials,
       link.document, link.checks, link.called, link.numbered, link.number_typed, link.still, link.created_at,
       link.expires_at, device.nickname AS phone, device.jkt AS device_jkt
FROM pairing.links AS link LEFT JOIN pairing.devices AS device ON device.id = link.device
WHERE link.document = $1;

-- name: claim_link
-- The first phone that scans a link claims it, and with it the frames vanish.
UPDATE pairing.links AS link SET state = step.target, device = $4, credentials = $6
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE link.id = $1 AND link.state = step.source AND link.expires_at > $5
RETURNING link.id;

-- name: document_of_link
-- The SAM fixed this document for the phone that claimed the link. Only the first one counts.
UPDATE pairing.links SET document = $3
WHERE id = $1 AND device = $2 AND state = 'claimed' AND document IS NULL AND expires_at > $4
RETURNING id;

-- name: approve_link
-- The SAM says that a link's document was approved.
UPDATE pairing.links AS link SET state = step.target
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE link.document = $1 AND link.state = step.source AND link.expires_at > $4
RETURNING link.id;

-- name: step_link
-- Something happened to a link that still lives.
UPDATE pairing.links AS link SET state = step.target, ended_by = $5
FROM unnest($2::text[], $3::text[]) AS step (source, target)
WHERE link.id = $1 AND link.state = step.source AND link.expires_at > $4
RETURNING link.id;

-- name: reserve_check
-- Count a check code before it is compared.
UPDATE pairing.links SET checks = checks + 1
WHERE id = $1 AND jkt = $2 AND NOT called AND state = 'approved' AND checks < 3 AND expires_at > $3
RETURNING checks;

-- name: reserve_number
-- Count a number typed on the phone that was asked, before it is compared.
UPDATE pairing.links SET checks = checks + 1
WHERE id = $1 AND device = $2 AND numbered IS NOT NULL AND state = 'claimed' AND checks < 3 AND expires_at > $3
RETURNING checks;

-- name: number_right
-- The number that the application shows was typed on the phone: from now on its yes counts.
UPDATE pairing.links SET number_typed = true
WHERE id = $1 AND numbered IS NOT NULL AND state = 'claimed' AND expires_at > $2 RETURNING id;

-- name: rung_documents
-- Of these documents of a phone, those that it was rung for or read from a code that stays the same.
SELECT document, numbered IS NOT NULL AND NOT number_typed AS wants_number, still FROM pairing.links
WHERE called AND device = $1 AND document = ANY ($2::text[]);

-- name: taken_back
-- Nothing of what this link led to is left at the SAM.
UPDATE pairing.links SET taken_back_at = $2 WHERE id = $1 AND taken_back_at IS NULL;

-- name: links_to_take_back
-- Links that died, or whose time is over, with a document at the SAM that nobody has taken back.
SELECT link.id, link.purpose, link.state, link.ended_by, link.jkt, link.key, link.token, link.locator, link.computer,
       link.name, link.os, link.version, link.integrator, link.scope, link.address, link.device, link.credentials,
       link.document, link.checks, link.called, link.numbered, link.number_typed, link.still, link.created_at,
       link.expires_at, device.nickname AS phone, device.jkt AS device_jkt
FROM pairing.links AS link LEFT JOIN pairing.devices AS device ON device.id = link.device
WHERE link.document IS NOT NULL AND link.taken_back_at IS NULL AND link.state NOT IN ('associated', 'refused')
  AND (link.state = 'dead' OR link.expires_at <= $1)
ORDER BY link.expires_at LIMIT $2;

-- ---- Computers -------------------------------------------------------------------------------------------------------

-- name: add_computer
-- A computer was associated: a new one, or one that is known by its key and may have another name by now.
INSERT INTO pairing.computers (id, jkt, key, name, os, version, created_at, last_used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, os = EXCLUDED.os, version = EXCLUDED.version
RETURNING id;

-- name: add_association
-- This phone gave this computer the use of these credentials; a second time renews what the first gave.
INSERT INTO pairing.associations (computer, device, credentials, since) VALUES ($1, $2, $3, $4)
ON CONFLICT (computer, device) WHERE ended_at IS NULL
DO UPDATE SET credentials = EXCLUDED.credentials, since = EXCLUDED.since;

-- name: computers_of_device
-- What a phone associated, for its list.
SELECT computer.id, computer.name, computer.os, computer.last_used_at, association.since, association.credentials
FROM pairing.associations AS association JOIN pairing.computers AS computer ON computer.id = association.computer
WHERE association.device = $1 AND association.ended_at IS NULL ORDER BY association.since, computer.id;

-- name: computer
-- A computer with at least one association that lives: an OAuth client.
SELECT computer.id, computer.jkt, computer.key, computer.name, computer.os,
       (SELECT array_agg(DISTINCT credential ORDER BY credential)
        FROM pairing.associations AS association, unnest(association.credentials) AS credential
        WHERE association.computer = computer.id AND association.ended_at IS NULL) AS credentials
FROM pairing.computers AS computer
WHERE computer.id = $1
  AND EXISTS (SELECT FROM pairing.associations WHERE computer = $1 AND ended_at IS NULL);

-- name: touch_computer
-- A computer was used; minutes are exact enough.
UPDATE pairing.computers SET last_used_at = $2::timestamptz WHERE id = $1 AND last_used_at < $2::timestamptz - interval '1 minute';

-- name: computers_used
-- When each of these computers came last.
SELECT id, last_used_at FROM pairing.computers WHERE id = ANY ($1::text[]) ORDER BY id;

-- name: end_association
-- A phone takes back what it, or another phone of the same credentials, gave a computer.
UPDATE pairing.associations SET ended_at = $3
WHERE computer = $1 AND (device = $2 OR credentials <@ $4::text[]) AND ended_at IS NULL
RETURNING computer;

-- name: end_associations
-- A removed phone takes back what it gave to any computer, save what another phone of its holder still answers for.
UPDATE pairing.associations SET ended_at = $2 WHERE device = $1 AND ended_at IS NULL AND NOT credentials <@ $3::text[]
RETURNING computer;

-- name: end_associations_of_computer
-- A computer goes, for every phone that gave it something.
UPDATE pairing.associations SET ended_at = $2 WHERE computer = $1 AND ended_at IS NULL RETURNING device;

-- name: computer_key
-- Whether this is, or was, a computer's key.
SELECT true FROM pairing.computers WHERE id = $1 AND jkt = $2;

-- ---- Limits ----------------------------------------------------------------------------------------------------------

-- name: queue_for
-- One at a time per subject, in one order for everybody, so that counting and using cannot interleave.
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended('pairing.uses ' || subject, 0) AS key FROM unnest($1::text[]) AS subject
    ORDER BY key OFFSET 0
) AS keys;

-- name: blocking_use
-- The use that must leave the window before there may be another: the count-th last, if there are that many.
SELECT at FROM pairing.uses WHERE scope = $1 AND subject = $2 AND at > $3 ORDER BY at DESC OFFSET $4 LIMIT 1;

-- name: add_use
-- Somebody used something that is limited.
INSERT INTO pairing.uses (scope, subject, at) VALUES ($1, $2, $3);

-- name: sent_since
-- Codes that really left since then, and whether they were typed.
SELECT number, sends, state = 'verified' AS entered, sent_at FROM pairing.pairings WHERE known AND created_at > $1;

-- name: begin_pause
-- Nothing is sent there from now on; one pause of a block or country stands at a time.
INSERT INTO pairing.pauses (scope, subject, since, messages, entered) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING subject;

-- name: paused
-- Whether a pause stands for any of these.
SELECT EXISTS (
    SELECT FROM pairing.pauses AS pause JOIN unnest($1::text[], $2::text[]) AS asked (scope, subject)
    ON pause.scope = asked.scope AND pause.subject = asked.subject WHERE pause.ended_at IS NULL
);

-- name: standing_pauses
-- Where nothing is sent.
SELECT scope, subject, since, messages, entered FROM pairing.pauses WHERE ended_at IS NULL
ORDER BY since DESC, scope, subject;

-- name: resumed
-- When an operator last let each go on.
SELECT scope, subject, max(ended_at) AS ended_at FROM pairing.pauses WHERE ended_at IS NOT NULL GROUP BY scope, subject;

-- name: end_pause
-- An operator lets a block or country go on.
UPDATE pairing.pauses SET ended_at = $2 WHERE subject = $1 AND ended_at IS NULL RETURNING scope;

-- ---- Warnings --------------------------------------------------------------------------------------------------------

-- name: add_warning
-- A phone is told of an event; once, however often the event is reported.
INSERT INTO pairing.warnings (id, device, credential, kind, phone, since, until, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (device, credential, kind, since) DO NOTHING
RETURNING id;

-- name: warnings
-- What a phone has to show, with the nickname of the phone that it came from.
SELECT warning.id, warning.kind, warning.credential, warning.phone, source.nickname, warning.since, warning.until
FROM pairing.warnings AS warning LEFT JOIN pairing.devices AS source ON source.id = warning.phone
WHERE warning.device = $1 AND warning.dismissed_at IS NULL ORDER BY warning.since DESC, warning.id LIMIT 20;

-- name: settle_warnings
-- A block that ended: that it began is no news any more, wherever it was not read yet.
UPDATE pairing.warnings SET dismissed_at = $3
WHERE credential = $1 AND kind = 'credential_blocked' AND since = $2 AND dismissed_at IS NULL RETURNING id;

-- name: settle_waits
-- A phone that waited decides now, or is gone: that it waits is no news any more.
UPDATE pairing.warnings SET dismissed_at = $3
WHERE credential = $1 AND kind = 'phone_waiting' AND phone = $2 AND dismissed_at IS NULL RETURNING id;

-- name: dismiss_warning
-- The holder read it on this phone.
UPDATE pairing.warnings SET dismissed_at = $3 WHERE id = $1 AND device = $2 AND dismissed_at IS NULL
RETURNING id;

-- ---- The operator's look ---------------------------------------------------------------------------------------------

-- name: phones_of
-- Every phone that was ever bound to one of these, removed ones too; nothing in it opens anything.
SELECT device.id, device.nickname, device.state, device.created_at, device.last_seen_at, device.removed_at
FROM pairing.devices AS device
WHERE device.id IN (SELECT ring.device FROM pairing.rings AS ring WHERE ring.credential = ANY ($1::text[]))
   OR device.id IN (SELECT number.device FROM pairing.numbers AS number WHERE number.number = $2)
ORDER BY device.created_at DESC, device.id LIMIT 50;

-- name: computers_of
-- The computers that may ask for one of these.
SELECT computer.id, computer.name, computer.os, association.device, association.since, computer.last_used_at
FROM pairing.associations AS association JOIN pairing.computers AS computer ON computer.id = association.computer
WHERE association.credentials && $1::text[] AND association.ended_at IS NULL
ORDER BY association.since DESC, computer.id LIMIT 50;

-- name: locks_of
-- When wrong passwords locked one of these, and when phones blocked and unblocked it; each event once.
SELECT DISTINCT kind, credential, since, until FROM pairing.warnings
WHERE credential = ANY ($1::text[]) ORDER BY since DESC, kind, credential LIMIT 20;

-- name: proofs_of
-- How somebody tried to prove this number lately.
SELECT id, state, sends, tries, created_at FROM pairing.pairings
WHERE number = $1 ORDER BY created_at DESC LIMIT 10;

-- name: conversions
-- Of the codes sent since then, how many were typed, by the number without its last digits: pumped ones never are.
SELECT left(number, -$2::int) AS prefix, sum(sends)::int AS messages,
       count(*) FILTER (WHERE state = 'verified')::int AS entered
FROM pairing.pairings WHERE known AND created_at > $1
GROUP BY 1 ORDER BY messages DESC, prefix LIMIT 20;

-- ---- Forgetting ------------------------------------------------------------------------------------------------------

-- name: forget_uses
-- Uses that no window reaches any more.
DELETE FROM pairing.uses WHERE at < $1;

-- name: forget_pairings
-- Numbers given in pairings are personal data; what is over and old goes.
DELETE FROM pairing.pairings WHERE created_at < $1;

-- name: forget_links
-- Names and addresses of links that are over and old.
DELETE FROM pairing.links WHERE created_at < $1;

-- name: forget_warnings
-- Whoever did not open the app for so long has the e-mail.
DELETE FROM pairing.warnings WHERE created_at < $1;
