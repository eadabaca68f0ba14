-- What computers signed when they asked: the same ask rings once, however often a gateway repeats it. An ask older than
-- two minutes is refused by its own time, so rows may go after that.
CREATE TABLE sam.asks (
    computer text        NOT NULL,
    nonce    bytea       NOT NULL CHECK (octet_length(nonce) = 16),
    asked_at timestamptz NOT NULL,
    CONSTRAINT an_ask_rings_once PRIMARY KEY (computer, nonce)
);
CREATE INDEX asks_to_forget ON sam.asks (asked_at);
GRANT SELECT, INSERT, DELETE ON sam.asks TO linkid_sam;
