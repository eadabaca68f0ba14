"""A phone that is a program, for the demo and for tests.

It talks to the gateway over the public interface alone and shares no code with the server: what it makes and checks is
written here a second time, from docs/phone-api.md and docs/protocol.md, and held to the same test vectors as the
server and the phone app.

| floor | file | holds |
|---|---|---|
| commands | `__main__.py` | `python -m sandbox_phone …`, for playing |
| stories | `phone.py`, `emission.py` | the phone; the emission page without a page |
| adapters | `gateway.py`, `loopback.py`, `storage.py` | HTTP with proof of possession; what a phone keeps |
| errors | `errors.py` | what can go wrong |
| rules | `domain/` | bytes, keys, trust, statements, decisions, password proofs; no input or output |

Open `phone.py` first.
"""
