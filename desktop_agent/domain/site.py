"""A page's site: what its origin may look like, and what the holder approves when it is new on this computer.

The permission is a small text with a separator of its own, hashed and approved on the phone as every signature is: what
comes back is the holder's own signature over site, computer and certificate. Nobody else can make one, no service and
no file that was put here; and it is good for nothing but being shown to this program (docs/desktop.md, *Pages*).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final
from urllib.parse import urlsplit

from desktop_agent.domain.algorithm import HASH_BYTES, algorithm
from desktop_agent.domain.certificate import Certificate
from desktop_agent.domain.encoding import b64u, integer, unb64u
from desktop_agent.errors import AgentError, BadCommand

SEPARATOR: Final = b"linkid-site-v1\x00"
NEW: Final = "site novo neste computador, quer ver o seu certificado"
"""What the phone shows behind the origin."""
MOST_ORIGIN: Final = 64
"""Characters: a label has 120, and an origin that the phone would show cut in its middle is no origin to agree to."""
MOST_DOCUMENTS: Final = 20
"""Of one request of a page."""
NONCE_BYTES: Final = 16
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?|\[[0-9a-f:.]{2,45}\]"
)


def read_origin(origin: object) -> str:
    """As a browser writes it: https, a host, perhaps a port, and nothing else. Raises BadCommand.

    Foreign letters come as browsers send them, as ``xn--…``, and are shown so: no name can look like another one.
    """
    if isinstance(origin, str) and len(origin) <= MOST_ORIGIN and origin.isascii():
        try:
            parts = urlsplit(origin)
            port = "" if parts.port is None else f":{parts.port}"
            host = parts.netloc.removesuffix(port) if port else parts.netloc
            if parts.scheme == "https" and _HOST.fullmatch(host) and origin == f"https://{host}{port}":
                return origin
        except ValueError:
            pass
    raise BadCommand(f"O endereço da página não é https, ou tem mais de {MOST_ORIGIN} letras.", "")


@dataclass(frozen=True)
class Permission:
    """What is approved: that ``origin`` may see the certificate of ``credential`` on ``computer``."""

    origin: str
    computer: str
    credential: str
    hash_name: str
    created: int
    """Seconds since 1970."""
    nonce: str
    """16 bytes, base64url."""

    @property
    def digest(self) -> bytes:
        """What is signed: the hash of the separator and of SHA-256 over RFC 8785's form of the members."""
        content = {
            "v": 1,
            "origin": self.origin,
            "computer": self.computer,
            "credential": self.credential,
            "created": self.created,
            "nonce": self.nonce,
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
        name = self.hash_name.replace("-", "").lower()
        return hashlib.new(name, SEPARATOR + hashlib.sha256(canonical).digest()).digest()


@dataclass(frozen=True)
class Site:
    """A permission with the holder's signature, as it is kept."""

    permission: Permission
    signature: bytes

    def holds(self, certificate: Certificate) -> bool:
        """Whether the key of ``certificate`` signed exactly this."""
        try:
            way = algorithm(certificate.algorithm.family, self.permission.hash_name)
            certificate.verify(self.permission.digest, self.signature, way)
        except AgentError:
            return False
        return True

    def kept(self) -> dict[str, Any]:
        """For a file."""
        return {**asdict(self.permission), "signature": b64u(self.signature)}


def read_site(kept: Mapping[str, Any]) -> Site:
    """What a file says; whether it holds is another question. Raises BadCommand."""
    try:
        members = {field.name: kept[field.name] for field in fields(Permission)}
        texts = [value for name, value in members.items() if name != "created"]
        if not all(isinstance(text, str) and len(text) <= 100 and text.isascii() for text in texts):
            raise BadCommand("not a site", "")
        if integer(members["created"]) is None or members["hash_name"] not in HASH_BYTES:
            raise BadCommand("not a site", "")
        read_origin(members["origin"])
        return Site(Permission(**members), unb64u(kept["signature"]))
    except (AgentError, KeyError, TypeError, AttributeError) as cause:
        raise BadCommand("not a site", "") from cause
