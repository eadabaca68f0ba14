"""The Brazilian dialect: the API of DOC-ICP-17.01 ("v0") as ITI, SafeID, BirdID, VIDaaS and NeoID speak it.

    authorize (the holder identifies) → token → certificate-discovery → signature (the phone rings) → revoke

* ``domain``: requests read, scopes and lives, vendors as data, what is sealed under codes and tokens. Pure.
* ``service``: from authorize to token, and from token to signature, by pages and by phones that are rung; ``starts``:
  by pages that applications draw.
* ``web``: the endpoints; ``problems`` the error bodies. docs/psc-api.md is the table of all of it.

Start with ``service/authorizations.py``, then ``service/signatures.py``. Why it has tables although CSC has none:
docs/decisions/0022-the-brazilian-dialect-keeps-its-grants.md.
"""
