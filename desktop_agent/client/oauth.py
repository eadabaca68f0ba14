"""An access token for this computer: client credentials, proved by its association key (RFC 7523, RFC 9449)."""

import secrets
from typing import Final

from joserfc import jwt

from desktop_agent.client.http import Caller, refusal_of
from desktop_agent.errors import NotAssociated, UntrustedServer

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 60
"""The assertion is used at once; a minute covers clocks that differ a little."""
TOKEN_PATH: Final = "/oauth2/token"


async def access_token(caller: Caller, computer: str) -> str:
    """A DPoP-bound token. Raises NotAssociated when the service no longer knows this computer's key."""
    now = caller.clock()
    claims = {
        "iss": computer,
        "sub": computer,
        "aud": caller.url + TOKEN_PATH,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    assertion = jwt.encode({"alg": "ES256", "kid": caller.key.thumbprint(), "typ": "JWT"}, claims, caller.key)
    form = {
        "grant_type": "client_credentials",
        "client_id": computer,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    reply = await caller.call("POST", TOKEN_PATH, form=form)
    if reply.ok:
        token = reply.content.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not 0 < len(token) <= 4096:
            raise UntrustedServer("O serviço não devolveu um acesso utilizável.")
        return token
    if reply.content.get("error") == "invalid_client":
        raise NotAssociated("O serviço não reconhece mais este computador: a associação foi encerrada.")
    raise refusal_of(reply)
