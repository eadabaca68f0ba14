"""PKCE (RFC 7636), S256 only: the one who redeems a code is the one who asked for it."""

import hashlib
import re

from foundation.encoding import b64u
from foundation.ids import same
from hsm_service.oauth.errors import BadOAuthRequest, GrantRefused

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


def checked_challenge(challenge: str | None, method: str | None) -> str:
    """The challenge of an authorize request. Raises BadOAuthRequest when it is missing or not S256.

    No method means "plain" in RFC 7636, which protects against nothing that reads the request; so it is refused too.
    """
    if challenge is None:
        raise BadOAuthRequest("code_challenge is required (PKCE, RFC 7636)")
    if method != "S256":
        raise BadOAuthRequest("code_challenge_method must be S256")
    if not _CHALLENGE.match(challenge):
        raise BadOAuthRequest("code_challenge is not base64url of a SHA-256")
    return challenge


def check_verifier(verifier: str | None, challenge: str) -> None:
    """Raise unless the verifier is what the challenge was made of: BadOAuthRequest when absent, else GrantRefused."""
    if verifier is None:
        raise BadOAuthRequest("code_verifier is required (PKCE, RFC 7636)")
    if not _VERIFIER.match(verifier):
        raise GrantRefused("code_verifier has not the form of RFC 7636 section 4.1")
    if not same(b64u(hashlib.sha256(verifier.encode("ascii")).digest()), challenge):
        raise GrantRefused("code_verifier is not the one of this code")
