"""The wire contract as code: what docs/protocol.md says about bytes, pure, shared by SAM, AC and gateway.

No I/O, no clock, no database, no PKCS#11: times, randomness, HMAC results and shared secrets are arguments. Rules for
whoever edits it:

1. Every function names the section of docs/protocol.md it implements; the page is the authority.
2. Verification raises. Nothing here returns False, because a forgotten ``if`` must not grant.
3. Whatever changes here changes ``tests/vectors`` too, which the phone app and the agent are tested with.

``keys`` P-256 keys as JWK · ``statements`` root-signed objects · ``documents`` approval documents · ``decisions`` the
holder's signed answer · ``passwords`` stretching · ``proofs`` the password on its way · ``custody`` the password
around a key · ``activation`` an approval sealed to its caller · ``asks`` what a caller signs when it asks ·
``sessions`` their terms, and what a caller signs at each use · ``orders`` what an operator signs · ``house`` what two
of them sign about the keys in a token, and what a token must have · ``pins`` whose keys count · ``heads`` what a SAM
signs for auditors · ``evidence`` a holder's · ``rowmac`` rows that vouch for themselves · ``consents`` to factors
that an application sends · ``explicit`` those factors, sealed for one call · ``codes`` without a network ·
``passkeys`` a screen lock's word · ``links`` the QR frames · ``algorithms`` what may be signed, and how · ``errors``.
"""
