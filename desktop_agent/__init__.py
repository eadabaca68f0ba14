"""The program on the user's computer. A distribution of its own (`linkid-desktop`): it imports nothing of the server.

| floor | where | holds |
|---|---|---|
| commands | `commands`, `commands_daemon`, `commands_window`, `words`, `__main__` | the command line |
| window | `window/` | the same for people with a mouse; it has no rule of its own |
| stories | `desk`, `associate`, `plan`, `sign`, `approval`, `verify`, `overview`, `sight` | a command's steps |
| programs | `daemon/`, `pkcs11/`, `web_eid/`, `setup/` | the certificate in every program and page of this user |
| screens | `ui/` | `port.py` says what a story shows; terminal, local page and silence fulfil it |
| files | `copies`, `pdf`, `drawing`, `xml_file`, `cms_file` | each form of signature in two halves |
| adapters | `client/`, `keychain`, `sealing`, `tpm`, `profiles`, `places` | service, secrets and state |
| errors | `errors.py` | what can go wrong, in words for people |
| rules | `domain/` | trust, what a request must say, states; no input or output |

Two keys matter here. The *association key* is this computer's; whoever has it can ask, and only the phone can approve.
The *trust roots* are pinned at the association; everything acted on comes signed by them (docs/protocol.md section 2).

Open `sign.py` first.
"""

VERSION = "0.1.0"
