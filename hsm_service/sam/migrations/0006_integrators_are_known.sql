-- Integrators, as an operator's signed order made them known: the name that phones show, and the keys of those that sign
-- what they ask. The gateway's own rows (oauth.clients) say who may have a token, and nothing that a holder reads.
CREATE TABLE sam.clients (
    id         text        PRIMARY KEY CHECK (id ~ '^cli_[0-9a-z]{26}$'),
    name       text        NOT NULL,
    keys       bytea[]     NOT NULL, -- SEC 1, uncompressed; empty: what it asks is its gateway's word
    state      text        NOT NULL CHECK (state IN ('registered', 'disabled')),
    order_id   text        NOT NULL CHECK (order_id ~ '^ord_[0-9a-z]{26}$'),
    operator   text        NOT NULL, -- jkt of the key that signed the order
    ordered_at timestamptz NOT NULL, -- as the order says; the newest order counts
    mac        bytea       NOT NULL CHECK (octet_length(mac) = 33)
);
GRANT SELECT, INSERT ON sam.clients TO linkid_sam;
GRANT UPDATE (name, keys, state, order_id, operator, ordered_at, mac) ON sam.clients TO linkid_sam;

-- Integrators with keys sign their asks as computers do.
ALTER TABLE sam.asks RENAME COLUMN computer TO caller;
