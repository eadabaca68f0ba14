"""How a key is born: prepared, made in the HSM, bound to the password, proved to the AC."""
