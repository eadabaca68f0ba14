"""What may be registered of an integrator, by an operator or by its owner. Pure; keys themselves are read elsewhere."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final

from foundation.encoding import JsonObject, canonical_json
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.errors import BadClientData
from protocol.documents import NAME_CHARACTERS
from protocol.orders import client_name

MAX_KEYS: Final = 5
"""Of an integrator: keys, or certificates."""


def seen_code(what: JsonObject) -> str:
    """What an operator read, in twenty hexadecimal digits: what they let in is exactly that, or nothing.

    Whoever writes rows would have to find another text with the same 80 bits.
    """
    digest = hashlib.sha256(b"linkid-seen-v1\0" + canonical_json(what)).hexdigest()
    return "-".join(digest[at : at + 5] for at in range(0, 20, 5))


def checked_name(name: str) -> str:
    """What the phone will show: one line, visible, not longer than a line. Raises BadClientData."""
    tidy = unicodedata.normalize("NFC", " ".join(name.split()))
    if not tidy or len(tidy) > NAME_CHARACTERS or not tidy.isprintable():
        raise BadClientData(f"a name has 1 to {NAME_CHARACTERS} printable characters")
    if client_name(tidy) != tidy:
        raise BadClientData("a name has letters or digits, and no invisible characters")
    return tidy


def check_asks(signs_asks: bool, method: ClientMethod) -> None:
    """Who signs what it asks has keys. Raises BadClientData."""
    if signs_asks and method is not ClientMethod.KEY:
        raise BadClientData("--signs-asks goes with --auth key --key FILE: these keys then sign what it asks")


def check_certificates(method: ClientMethod, tls_subject: str | None, certificates: Sequence[bytes]) -> None:
    """Certificates and the way of proving oneself go together. Raises BadClientData."""
    if (method is ClientMethod.TLS) != (tls_subject is not None):
        raise BadClientData("a certificate's subject goes with the method tls, and it needs one")
    if (method is ClientMethod.SELF_SIGNED) != bool(certificates):
        raise BadClientData("certificates go with the method self_signed, and it needs at least one")
    if len(certificates) > MAX_KEYS:
        raise BadClientData(f"at most {MAX_KEYS} certificates")


def check_agreement(
    method: ClientMethod,
    grants: Sequence[GrantType],
    redirects: Sequence[str],
    keys: Sequence[object],
) -> None:
    """Grants, addresses and keys go together. Raises BadClientData."""
    if not grants:
        raise BadClientData("at least one grant: authorization_code or client_credentials")
    if (GrantType.CODE in grants) != bool(redirects):
        raise BadClientData("return addresses go with authorization_code, and it needs at least one")
    if (method is ClientMethod.KEY) != bool(keys):
        raise BadClientData("keys go with the method key, and it needs at least one")
    if len(keys) > MAX_KEYS:
        raise BadClientData(f"at most {MAX_KEYS} keys")
    if GrantType.REFRESH in grants and GrantType.CODE not in grants:
        raise BadClientData("refresh tokens begin with a holder's identification: they need a return address")
    if method is ClientMethod.NONE and GrantType.CLIENT in grants:
        raise BadClientData("a client that cannot authenticate has no credentials of its own")
