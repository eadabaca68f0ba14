"""From a protocol number to a certificate, with a real HSM slot, a real database and real certificates."""
