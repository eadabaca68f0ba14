"""Steps 8 to 10: reserved, signed, verified, stored, audited, returned."""
