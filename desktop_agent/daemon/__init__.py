"""The program that stays: serves the certificate to every program of this user, and asks the phone in their name.

| module | holds |
|---|---|
| `process.py` | what `linkid-desktop daemon` is: sockets, signals, everything joined |
| `control.py` | the socket by which the other commands talk to it |
| `broker.py` | one signature for one program: a kept grant, a session, or the phone |
| `grants.py` | approvals that came too late for whoever waited, and sessions the holder opened |
| `pages.py`, `sites.py` | what pages get, and which sites the holder allowed |
| `shelf.py` | the certificates, as last heard from the service |
| `service.py` | one association as a caller of the service, opened when first needed |
| `trail.py` | what the next daemon must know when this one is killed |
| `diary.py`, `notices.py` | what was asked and how it ended; telling the person at the screen |

It starts in a blink, so nothing that loads slowly (HTTP, key stores) is imported before it is needed.
"""
