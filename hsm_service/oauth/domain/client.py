"""Who may ask for tokens: integrators (registered by an operator) and computers (associated by a holder)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from hsm_service.oauth.errors import BadClientData


class ClientKind(StrEnum):
    """What stands behind a client id."""

    INTEGRATOR = "integrator"
    COMPUTER = "computer"


class ClientMethod(StrEnum):
    """How a client proves who it is at the token endpoint."""

    SECRET = "secret"  # client_secret_basic or client_secret_post
    KEY = "key"  # private_key_jwt
    TLS = "tls"  # tls_client_auth: a certificate of an authority that settings name, with this subject
    SELF_SIGNED = "self_signed"  # self_signed_tls_client_auth: this very certificate
    NONE = "none"  # a public client: PKCE alone ties the code to whoever asked


class GrantType(StrEnum):
    """RFC 6749's names."""

    CODE = "authorization_code"
    CLIENT = "client_credentials"
    REFRESH = "refresh_token"


SERVICE: Final = "service"
"""CSC 8.3.2: everything the API does, within the credentials of the token."""
SIGNING: Final = "credential"
"""CSC 8.3.2: one approved signature request; the access token is then a SAD, and good for nothing else."""

IDENTIFYING: Final = "authentication_session"
"""As the Brazilian API calls it: only who the holder is; the phone says so in these words."""

MAX_REDIRECT: Final = 2000
"""Characters; browsers and CSC (2,083) agree on about this much for a whole address."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Client:
    """A client as known now. ``keys`` are P-256 JWKs with exactly kty, crv, x, y."""

    kind: ClientKind
    id: str
    name: str
    method: ClientMethod
    grants: frozenset[GrantType]
    redirects: Sequence[str] = ()
    keys: Sequence[Mapping[str, str]] = ()
    secret_digest: bytes | None = field(default=None, repr=False)
    old_secret_digest: bytes | None = field(default=None, repr=False)
    """The one before, good until ``old_secret_until``."""
    old_secret_until: datetime | None = None
    tls_subject: str | None = None
    """Of a certificate (``domain/certificates.py`` has the form)."""
    certificates: Sequence[bytes] = ()
    """DER, those it signed itself."""
    calls_per_minute: int | None = None
    """By an operator's word; None: as the settings say."""
    shows_codes: bool = False
    """Whether an operator lets it draw a code that stays the same, on a page of its own."""

    def secret_digests(self, now: datetime) -> Sequence[bytes]:
        """Of the secrets that are good now: one, or two while the one before is still taken."""
        old = self.old_secret_digest if self.old_secret_until is not None and now < self.old_secret_until else None
        return [one for one in (self.secret_digest, old) if one is not None]

    @property
    def must_prove_possession(self) -> bool:
        """Computers always do; an integrator may."""
        return self.kind is ClientKind.COMPUTER


def checked_redirect(uri: str) -> str:
    """An address that may be registered, unchanged. Raises BadClientData saying what is wrong with it.

    https; http on loopback only (RFC 8252 section 7.3); or a private-use scheme with a dot in it (section 7.1). Never a
    fragment (RFC 6749 section 3.1.2).
    """
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port  # a port that is none is found when it is looked at
    except ValueError as cause:
        raise BadClientData(f"{uri!r} is not an address") from cause
    if not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > MAX_REDIRECT:
        raise BadClientData(f"{uri!r}: plain ASCII, at most {MAX_REDIRECT} characters")
    if "#" in uri:
        raise BadClientData(f"{uri!r}: a return address has no fragment")
    if parts.username is not None or "\\" in uri:
        raise BadClientData(f"{uri!r}: user names and backslashes confuse browsers")
    if parts.scheme == "https" and host:
        return uri
    if parts.scheme == "http" and host in _LOOPBACK:
        return uri
    if "." in parts.scheme and not parts.netloc:
        return uri
    raise BadClientData(f"{uri!r}: use https, http on loopback, or a scheme like com.example.app:/callback")


def redirect_matches(registered: Sequence[str], asked: str) -> bool:
    """Whether an address is one that the client registered: by exact comparison (RFC 9700 section 2.1).

    A loopback address by number may come with any port (RFC 8252 section 7.3): native programs get one from the system.
    """
    return any(asked == one or _same_but_port(one, asked) for one in registered)


def _same_but_port(registered: str, asked: str) -> bool:
    try:
        one, other = urlsplit(registered), urlsplit(asked)
        own, port = one.port, other.port
    except ValueError:
        return False
    if one.hostname not in ("127.0.0.1", "::1") or one.scheme != "http" or own is not None or port is None:
        return False
    host = f"[{one.hostname}]" if one.hostname == "::1" else one.hostname
    return asked == f"http://{host}:{port}{one.path}" + (f"?{one.query}" if one.query else "")
