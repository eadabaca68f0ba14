-- A ring is begun and ended, never changed: the right to do so was no query's.

REVOKE UPDATE ON pairing.rings FROM linkid_gateway;
