"""What the AC decides, without I/O: certificates to be signed, revocation lists, OCSP answers, permits."""
