"""The certificate in every program: a PKCS#11 token that is served over p11-kit's RPC, so that no driver is installed.

| floor | where | holds |
|---|---|---|
| transport | `server.py`, `peer.py` | the socket, who is at its other end, frames in and out |
| calls | `sessions.py`, `ports.py` | what each PKCS#11 call does; one object per connected program |
| token | `token.py`, `mechanisms.py`, `content.py` | objects, ways to sign, what is to be signed; no I/O |
| wire | `wire.py`, `calls.py`, `codes.py` | frames and values as bytes; no I/O |

Whoever signs stands behind `ports.Signer` (`desktop_agent/daemon/broker.py`): here nobody knows of phones or services.
Facts about the protocol, and where it differs from its own documentation, stand in docs/protocol.md section 18.
"""
