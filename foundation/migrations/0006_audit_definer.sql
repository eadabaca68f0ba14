-- The functions that write for others run with the owner's rights, so every name in them must mean what it meant here.
-- PostgreSQL looks for types and tables in a session's temporary schema first, even where search_path does not name it,
-- unless it is named, last. Nobody of ours may make temporary things; a database that was restored without its grants
-- would let everybody: a type jsonb of the caller's own, with a CHECK of the caller's own, ran as the owner.
ALTER FUNCTION audit.lock_head(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION audit.append(text, bigint, bytea, bytea[]) SET search_path = pg_catalog, pg_temp;

-- Inside the function the owner acts for a writer. Whoever becomes the owner by SET ROLE acts for nobody.
DROP TRIGGER appended_only ON audit.lines;
CREATE TRIGGER appended_only BEFORE INSERT ON audit.lines FOR EACH STATEMENT
    WHEN (current_user <> 'linkid_owner' OR session_user NOT IN ('linkid_gateway', 'linkid_sam', 'linkid_ac'))
    EXECUTE FUNCTION audit.refuse_insert();
