-- Lines are appended by one function and by nothing else: no role has INSERT any more. A signature pays for several
-- appends, so whoever appends says where the chain ends, and one look at the head both checks that and moves it. Number
-- and hash are not taken from the writer but follow from the head, and the time is the one that the body says; so
-- nothing is left of a line that could differ from its bytes.
--
-- What may not happen is what it was: another's chain, a number left out, a fork, a body that names another place.
-- PostgreSQL reads a CHECK's expression anew for each statement; those of lines and heads stand in the functions now,
-- which alone write both.
CREATE OR REPLACE FUNCTION audit.lock_head(wanted text, OUT seq bigint, OUT hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit.writers w WHERE w.role = session_user AND starts_with(wanted, w.chain_prefix)
    ) THEN
        RAISE EXCEPTION 'the role % may not write the audit chain %', session_user, wanted
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT h.seq, h.hash INTO lock_head.seq, lock_head.hash FROM audit.heads h WHERE h.chain = wanted FOR UPDATE;
    IF NOT FOUND THEN
        IF wanted !~ '^[a-z][a-z0-9-]{0,31}$' THEN
            RAISE EXCEPTION 'not the name of an audit chain' USING ERRCODE = 'check_violation';
        END IF;
        INSERT INTO audit.heads VALUES (wanted, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT h.seq, h.hash INTO lock_head.seq, lock_head.hash FROM audit.heads h WHERE h.chain = wanted FOR UPDATE;
    END IF;
END $$;

-- Append the next lines of a chain after the head that the caller knows, and tell the new head; the chain's head stays
-- locked until the transaction ends. When the chain ends elsewhere, nothing is added, and what comes back is where it
-- ends, locked as by lock_head.
CREATE FUNCTION audit.append(
    wanted text, after_seq bigint, after_hash bytea, bodies bytea[], OUT seq bigint, OUT hash bytea, OUT added boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    body   bytea;
    said   jsonb;
    times  timestamptz[] := '{}';
    hashes bytea[] := '{}';
BEGIN
    seq := after_seq;
    hash := after_hash;
    FOREACH body IN ARRAY bodies LOOP
        said := convert_from(body, 'UTF8')::jsonb;
        IF said ->> 'chain' IS DISTINCT FROM wanted
           OR said -> 'seq' IS DISTINCT FROM to_jsonb(seq + 1)
           OR said ->> 'prev' IS DISTINCT FROM encode(hash, 'hex')
           OR octet_length(body) > 8192
        THEN
            RAISE EXCEPTION 'line % does not follow line % of the audit chain %', seq + 1, seq, wanted
                USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_line_follows';
        END IF;
        seq := seq + 1;
        hash := sha256(hash || body);
        times := times || (said ->> 'at')::timestamptz;
        hashes := hashes || hash;
    END LOOP;
    UPDATE audit.heads h SET seq = append.seq, hash = append.hash
    WHERE h.chain = wanted AND h.seq = after_seq AND h.hash = after_hash
      AND EXISTS (SELECT FROM audit.writers w WHERE w.role = session_user AND starts_with(wanted, w.chain_prefix));
    added := FOUND;
    IF NOT added THEN
        SELECT h.seq, h.hash INTO append.seq, append.hash FROM audit.lock_head(wanted) h;
        RETURN;
    END IF;
    INSERT INTO audit.lines (chain, seq, at, body, hash)
    SELECT wanted, after_seq + line.number, line.at, line.body, line.hash
    FROM unnest(times, bodies, hashes) WITH ORDINALITY AS line (at, body, hash, number);
END $$;
REVOKE ALL ON FUNCTION audit.append(text, bigint, bytea, bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.append(text, bigint, bytea, bytea[]) TO linkid_gateway, linkid_sam, linkid_ac;

REVOKE INSERT ON audit.lines FROM linkid_gateway, linkid_sam, linkid_ac;
DROP TRIGGER check_lines ON audit.lines;
DROP FUNCTION audit.check_lines();
ALTER TABLE audit.lines
    DROP CONSTRAINT lines_seq_check, DROP CONSTRAINT lines_body_check, DROP CONSTRAINT lines_hash_check;
ALTER TABLE audit.heads
    DROP CONSTRAINT heads_chain_check, DROP CONSTRAINT heads_seq_check, DROP CONSTRAINT heads_hash_check;

-- Grants alone bind the processes; this also stops whoever was given INSERT by mistake, and the owner's slip of the
-- hand: inside the function the owner acts for somebody else, and nowhere else.
CREATE FUNCTION audit.refuse_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit lines are added by audit.append alone' USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION audit.refuse_insert() FROM PUBLIC;
CREATE TRIGGER appended_only BEFORE INSERT ON audit.lines FOR EACH STATEMENT
    WHEN (current_user <> 'linkid_owner' OR session_user = 'linkid_owner') EXECUTE FUNCTION audit.refuse_insert();
