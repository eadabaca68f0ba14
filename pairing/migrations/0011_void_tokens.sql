-- Whoever listens with a phone's token must hear at once that it is void: the phone was removed, or has another one.
-- Told by the table itself, in the very transaction, so that no way of removing a phone can forget it. It is rare, so
-- that commits that notify queue behind each other does no harm here.
CREATE FUNCTION pairing.tell_void_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('linkid_void_tokens', OLD.id);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION pairing.tell_void_token() FROM PUBLIC;
CREATE TRIGGER tell_void_token AFTER UPDATE OF token, state ON pairing.devices FOR EACH ROW
    WHEN (OLD.token <> NEW.token OR (OLD.state <> 'removed' AND NEW.state = 'removed'))
    EXECUTE FUNCTION pairing.tell_void_token();
