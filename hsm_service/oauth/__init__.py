"""Who is calling: integrators and computers as OAuth clients, holders who identify themselves on the authorize page.

Tokens are opaque, kept as digests, and bound to a key wherever a proof of possession was given (DPoP, RFC 9449;
compulsory for computers). Codes are consumed in one statement. PKCE is S256 only.

* ``domain``: PKCE, redirect addresses, what a client may do, how long things live. Pure.
* ``service``: ``clients`` (registering), ``tokens`` (the token endpoint), ``pages`` (the authorize page's story),
  ``callers`` (whose access token is this?).
* ``web``: RFC 6749 on the wire; ``problems`` the error table; ``openapi`` tells others.
* ``commands``: what an operator types.
"""
