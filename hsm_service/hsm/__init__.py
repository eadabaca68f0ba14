"""PKCS#11: the only package that imports ``pkcs11``, and nothing of ours above it reaches a token another way.

* ``module``: the library in this process, initialised with locking, and its epoch.
* ``token``: one token, logged in once, a session for each thread, objects found once for each epoch.
* ``faults``: what went wrong, in three kinds, and what to do about each (docs/faults.md). ``canary``: by what a token
  is known again. ``circuit``: when callers are refused at once.
* ``slots``: the objects of the SAM's and the AC's slot (docs/protocol.md section 7), made once.
* ``house``: their further versions, by two operators' order; check values; whether another token could take its place.
* ``quiet``: nobody is inside while a token object is made. ``vendors``: what differs between HSMs.
* ``templates``: what each object may and may not. ``keys``: what others may hold of them, as plain data.
* ``operations``: what the SAM does with them. ``kept``: keys that stay unwrapped for seconds, while a session is used.
* ``x509_keys``: how the AC signs certificates with them.
* ``facade``: ``Hsm``, all of it for asyncio, with deadlines.

The traps behind the shape of this package are measured facts of python-pkcs11 0.10 and SoftHSM 2.6; each is named where
it is avoided.
"""
