-- The audit chains: INSERT and SELECT only, one chain per writer, linked by hashes that the database itself checks.
--
-- A role cannot write into another's chain, skip a number, fork, or rewrite: the trigger holds the head's row lock from
-- the first append of a transaction until it commits. Whoever owns the database can still rewrite everything; against
-- that each writer keeps its last head in a file of its own (foundation/audit.py).
CREATE SCHEMA audit;
REVOKE ALL ON SCHEMA audit FROM PUBLIC;

-- Which role may write chains beginning with what: "sam-" holds sam-0, sam-1, …
CREATE TABLE audit.writers (
    role         text PRIMARY KEY,
    chain_prefix text NOT NULL
);
INSERT INTO audit.writers VALUES ('linkid_gateway', 'gateway'), ('linkid_sam', 'sam-'), ('linkid_ac', 'ac');

-- The last line of each chain. seq 0 with an all-zero hash is the beginning.
CREATE TABLE audit.heads (
    chain text   PRIMARY KEY CHECK (chain ~ '^[a-z][a-z0-9-]{0,31}$'),
    seq   bigint NOT NULL CHECK (seq >= 0),
    hash  bytea  NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE TABLE audit.lines (
    chain text        NOT NULL REFERENCES audit.heads,
    seq   bigint      NOT NULL CHECK (seq > 0),
    at    timestamptz NOT NULL,
    body  bytea       NOT NULL CHECK (octet_length(body) <= 8192), -- RFC 8785 JSON, exactly the hashed bytes
    hash  bytea       NOT NULL CHECK (octet_length(hash) = 32),    -- SHA-256(previous hash || body)
    PRIMARY KEY (chain, seq)
);
CREATE INDEX lines_by_time ON audit.lines (at);

-- Lock the head of a chain until the transaction ends, and tell it. Creates the chain on its first use.
CREATE FUNCTION audit.lock_head(wanted text, OUT seq bigint, OUT hash bytea)
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
        INSERT INTO audit.heads VALUES (wanted, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT h.seq, h.hash INTO lock_head.seq, lock_head.hash FROM audit.heads h WHERE h.chain = wanted FOR UPDATE;
    END IF;
END $$;

-- A line must be the next one of a chain that its writer owns, and its hash must be what the bytes say.
CREATE FUNCTION audit.check_line() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    head record;
    said jsonb := convert_from(NEW.body, 'UTF8')::jsonb;
BEGIN
    SELECT * INTO head FROM audit.lock_head(NEW.chain);
    IF NEW.seq <> head.seq + 1
       OR NEW.hash <> sha256(head.hash || NEW.body)
       OR said ->> 'chain' IS DISTINCT FROM NEW.chain
       OR said -> 'seq' IS DISTINCT FROM to_jsonb(NEW.seq)
       OR said ->> 'prev' IS DISTINCT FROM encode(head.hash, 'hex')
       OR (said ->> 'at')::timestamptz IS DISTINCT FROM NEW.at
    THEN
        RAISE EXCEPTION 'line % does not follow line % of the audit chain %', NEW.seq, head.seq, NEW.chain
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_line_follows';
    END IF;
    UPDATE audit.heads h SET seq = NEW.seq, hash = NEW.hash WHERE h.chain = NEW.chain;
    RETURN NEW;
END $$;
CREATE TRIGGER check_line BEFORE INSERT ON audit.lines FOR EACH ROW EXECUTE FUNCTION audit.check_line();

-- Grants alone bind the processes; this also stops the owner's slip of the hand.
CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit lines are never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.lines
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO linkid_gateway, linkid_sam, linkid_ac;
GRANT SELECT, INSERT ON audit.lines TO linkid_gateway, linkid_sam, linkid_ac;
GRANT SELECT ON audit.heads TO linkid_gateway, linkid_sam, linkid_ac;
GRANT EXECUTE ON FUNCTION audit.lock_head(text) TO linkid_gateway, linkid_sam, linkid_ac;
