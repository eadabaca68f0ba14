-- When a phone was last heard of, to an hour: a holder who sees their phones listed knows the forgotten one by it.
ALTER TABLE pairing.devices ADD COLUMN last_seen_at timestamptz;
