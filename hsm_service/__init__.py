"""Keys and signatures: what is signed, for whom, and under whose approval.

* ``hsm``: PKCS#11, the only importer of ``pkcs11``; ``sam``: the signature activation module, a process of its own.
* ``credentials``: which keys and certificates exist, and whose they are; ``signing``: a signature request's life;
  ``webhooks``: telling applications what became of theirs.
* ``documents``: CMS, CAdES, PAdES and XAdES around a raw signature, and what such signatures are worth.
* ``oauth``: who is calling; ``csc``: the Cloud Signature Consortium's dialect, which owns no table; ``psc``: the
  Brazilian one, which keeps what its tokens were given for; ``registration``: the page where owners register
  applications.

``oauth``, ``signing``, ``credentials`` and ``documents`` do not know each other. A dialect may call all of them;
``linkid`` wires them.
Start with ``csc/web/v2.py`` and follow one signature: docs/walkthroughs/one-signature.md.
"""
