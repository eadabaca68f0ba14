"""The program on the user's computer. A distribution of its own (`linkid-desktop`): it imports nothing of the server.

| floor | where | holds |
|---|---|---|
| commands | `commands.py`, `commands_daemon.py`, `words.py`, `__main__.py` | the command line; knows every class |
| stories | `associate.py`, `plan.py`, `sign.py`, `approval.py`, `overview.py`, `sight.py` | a command's steps |
| programs | `daemon/`, `pkcs11/`, `web_eid/`, `setup/` | the certificate in every program and page of this user |
| screens | `ui/` | `port.py` says what a story shows; terminal, local page and silence fulfil it |
| adapters | `client/`, `pdf.py`, `keychain.py`, `profiles.py`, `places.py` | service, PDF files, secrets and state |
| errors | `errors.py` | what can go wrong, in words for people |
| rules | `domain/` | trust, what a request must say, states; no input or output |

Two keys matter here. The *association key* is this computer's; whoever has it can ask, and only the phone can approve.
The *trust roots* are pinned at the association; everything acted on comes signed by them (docs/protocol.md section 2).

Open `sign.py` first.
"""

VERSION = "0.1.0"
