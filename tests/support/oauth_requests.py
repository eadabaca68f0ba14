"""What applications send to the authorize page and the token endpoint."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from foundation.encoding import b64u

CALLBACK = "https://contratos.test/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def challenge_of(verifier: str) -> str:
    """S256."""
    return b64u(hashlib.sha256(verifier.encode()).digest())


def authorize_path(client: str, /, **changes: Any) -> str:
    """An authorize request; `None` leaves a parameter out."""
    parameters = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": CALLBACK,
        "scope": "service",
        "state": "xyz & 1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return "/oauth2/authorize?" + urlencode({k: v for k, v in parameters.items() if v is not None}, doseq=True)


def page_token(html: str) -> str:
    """The secret of a page, as its script reads it."""
    found = re.search(r'data-token="([^"]+)"', html)
    assert found is not None, html[:2000]
    return found[1]


def answer_in(address: str) -> dict[str, str]:
    """What a redirect tells the client."""
    return dict(parse_qsl(urlsplit(address).query))


PUSH = "/oauth2/pushed_authorize"
SHA256 = "2.16.840.1.101.3.4.2.1"


def wanting(credential: str | None, *digests: bytes, **changes: Any) -> dict[str, Any]:
    """CSC's parameters of the scope `credential`."""
    asked = {
        "scope": "credential",
        "credentialID": credential,
        "numSignatures": str(len(digests)),
        "hashes": ",".join(b64u(digest) for digest in digests),
        "hashAlgorithmOID": SHA256,
    }
    return {**asked, **changes}


def detail(credential: str | None, *documents: tuple[str, bytes], **changes: Any) -> dict[str, Any]:
    """The same as one authorization detail."""
    asked = {
        "type": "credential",
        "credentialID": credential,
        "documentDigests": [{"hash": base64.b64encode(digest).decode(), "label": label} for label, digest in documents],
        "hashAlgorithmOID": SHA256,
    }
    return {name: value for name, value in {**asked, **changes}.items() if value is not None}
