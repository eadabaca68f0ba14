"""From a protocol number to a certificate.

Two programs live here and share ``domain`` only:

* this folder is the gateway's side of the emission page (protocol section 9.1): it relays between the page, the AC and
  the SAM, and can vouch for nothing: ``web`` -> ``service`` -> ``store``;
* ``ac`` is the certificate authority, a process of its own that issues on signed orders only: see ``ac/service``.

``operator`` holds the functions of the ``linkid`` command that make and sign orders.
"""
