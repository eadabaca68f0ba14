"""What the bytes to sign are, as far as it can be told: that is what the phone shows beside the program's name.

A program may lie: whoever runs as the user can hand in any bytes. What is said here helps a holder to recognise what
they just did; what they approve is the digest.
"""

import re
from dataclasses import dataclass
from typing import Final

from desktop_agent.pkcs11.mechanisms import Wanted

TLS13_CLIENT: Final = b" " * 64 + b"TLS 1.3, client CertificateVerify\0"
"""RFC 8446 section 4.4.3."""
_SSH_USERAUTH: Final = 50
_MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
_BROWSERS: Final = re.compile(r"(firefox|chrom|google-chrome|brave|msedge|opera|vivaldi|librewolf)", re.IGNORECASE)
_SSH: Final = re.compile(r"ssh", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """``text``: for people. ``hurried``: whoever waits gives up after about 30 s (a browser's TLS handshake)."""

    text: str
    hurried: bool = False


def describe(wanted: Wanted, program: str) -> Content:
    """What ``program`` wants signed."""
    data = wanted.data
    if data is not None:
        if data.startswith(TLS13_CLIENT):
            return Content("acesso a um site ou serviço (TLS)", hurried=True)
        found = _cms(data) or _ssh(data)
        if found is not None:
            return Content(found)
        return Content(f"dados ({len(data)} byte{'' if len(data) == 1 else 's'})")
    if _SSH.search(program):
        return Content("acesso a um servidor (SSH)")
    if _BROWSERS.match(program):
        return Content("acesso a um site (TLS)", hurried=True)
    if wanted.algorithm.family in ("RSA-PSS", "ECDSA"):
        # TLS 1.3 signs with these, and so do documents: the digest alone does not tell. Only browsers are in a hurry.
        return Content("acesso a um serviço (TLS) ou documento")
    return Content("documento ou acesso (só o resumo é conhecido)")


def _cms(data: bytes) -> str | None:
    """Signed attributes (RFC 5652 section 5.4): a SET of SEQUENCEs, one of them the message digest."""
    body = _inside(data, 0x31)
    if body is None:
        return None
    digest = None
    rest = body
    while rest:
        attribute, rest = _next(rest)
        if attribute is None or attribute[:1] != b"\x30":
            return None
        inner = _inside(attribute, 0x30) or b""
        if inner.startswith(_MESSAGE_DIGEST):
            value = _inside(_inside(inner[len(_MESSAGE_DIGEST) :], 0x31) or b"", 0x04)
            digest = value
    if digest is None:
        return None
    return f"assinatura de documento, conteúdo {digest.hex()[:12]}…"


def _ssh(data: bytes) -> str | None:
    """What an ssh client signs to log in (RFC 4252 section 7): session id, then the request with the user's name."""
    session, rest = _ssh_string(data)
    if session is None or not 16 <= len(session) <= 64 or rest[:1] != bytes([_SSH_USERAUTH]):
        return None
    user, rest = _ssh_string(rest[1:])
    service, _ = _ssh_string(rest)
    if user is None or service != b"ssh-connection":
        return None
    return f"acesso a um servidor (SSH) como {user.decode(errors='replace')[:40]}"


def _ssh_string(data: bytes) -> tuple[bytes | None, bytes]:
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 or length > len(data) - 4:
        return None, b""
    return data[4 : 4 + length], data[4 + length :]


def _inside(data: bytes, tag: int) -> bytes | None:
    """The content of the one DER element that ``data`` is; None when it is no such thing."""
    if data[:1] != bytes([tag]):
        return None
    element, rest = _next(data)
    if element is None or rest:
        return None
    return element[_head(element) :]


def _next(data: bytes) -> tuple[bytes | None, bytes]:
    """The first DER element with its head, and the rest; None when it is cut short."""
    head = _head(data)
    if not head:
        return None, b""
    length = data[1] if data[1] < 0x80 else int.from_bytes(data[2:head], "big")
    if len(data) < head + length:
        return None, b""
    return data[: head + length], data[head + length :]


def _head(data: bytes) -> int:
    """How many bytes tag and length take; 0 when they are none that DER has below 16 MB."""
    if len(data) < 2:
        return 0
    more = data[1] - 0x80 if data[1] >= 0x80 else 0
    return 2 + more if more <= 3 and data[1] != 0x80 and len(data) >= 2 + more else 0
