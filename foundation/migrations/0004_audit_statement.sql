-- The chain's link is checked once for all lines of a statement, not once for each: whoever shares a commit shares the
-- look at the head and its one change, whose versions a row for each line would have piled up. The foreign key goes,
-- which looked at the same head again for each line: a line that the check lets pass has moved that very head.
--
-- What may not happen is what it was: another's chain, a number left out, a fork, a line whose hash or members are not
-- what its bytes say. The error is the statement's, which undoes all its lines.
CREATE FUNCTION audit.check_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    line record;
    said jsonb;
    head record;
    locked text;
BEGIN
    FOR line IN SELECT chain, seq, at, body, hash FROM added ORDER BY chain, seq LOOP
        IF locked IS DISTINCT FROM line.chain THEN
            IF locked IS NOT NULL THEN
                UPDATE audit.heads h SET seq = head.seq, hash = head.hash WHERE h.chain = locked;
            END IF;
            locked := line.chain;
            SELECT * INTO head FROM audit.lock_head(locked);
        END IF;
        said := convert_from(line.body, 'UTF8')::jsonb;
        IF line.seq <> head.seq + 1
           OR line.hash <> sha256(head.hash || line.body)
           OR said ->> 'chain' IS DISTINCT FROM line.chain
           OR said -> 'seq' IS DISTINCT FROM to_jsonb(line.seq)
           OR said ->> 'prev' IS DISTINCT FROM encode(head.hash, 'hex')
           OR (said ->> 'at')::timestamptz IS DISTINCT FROM line.at
        THEN
            RAISE EXCEPTION 'line % does not follow line % of the audit chain %', line.seq, head.seq, line.chain
                USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_line_follows';
        END IF;
        head.seq := line.seq;
        head.hash := line.hash;
    END LOOP;
    IF locked IS NOT NULL THEN
        UPDATE audit.heads h SET seq = head.seq, hash = head.hash WHERE h.chain = locked;
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION audit.check_lines() FROM PUBLIC;

DROP TRIGGER check_line ON audit.lines;
DROP FUNCTION audit.check_line();
CREATE TRIGGER check_lines AFTER INSERT ON audit.lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit.check_lines();
ALTER TABLE audit.lines DROP CONSTRAINT lines_chain_fkey;
