"""Who stands at the token endpoint: client authentication by secret or by key, for integrators and computers alike."""

from dataclasses import dataclass, field
from typing import Final

from foundation.dpop import AssertionVerifier, BadAssertion, BadProof, Proof, public_jwk, thumbprint
from foundation.encoding import strict_json, unb64u
from foundation.errors import LinkIdError
from foundation.ids import is_id, secret_digest, secret_matches
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.errors import BadOAuthRequest, UnknownClient
from hsm_service.oauth.ports import Computers
from hsm_service.oauth.store import OAuthStore

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NOBODY: Final = secret_digest("nobody has this secret")
"""Compared with when there is no client, so that both refusals cost the same."""


@dataclass(frozen=True)
class Claimed:
    """What a request says about its client. At most one of the three proofs is there; the web floor sees to it."""

    client_id: str | None
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)


class ClientAuthentication:
    """Finds and proves the client."""

    def __init__(
        self, store: OAuthStore, computers: Computers, assertions: AssertionVerifier, audiences: frozenset[str]
    ) -> None:
        """``audiences``: the names under which client assertions may address us."""
        self._store = store
        self._computers = computers
        self._assertions = assertions
        self._audiences = audiences

    async def authenticate(self, claimed: Claimed) -> Client:
        """Raises UnknownClient for every reason not to believe it, BadOAuthRequest when nothing names a client."""
        client_id = claimed.client_id or _subject(claimed.assertion)
        if client_id is None:
            raise BadOAuthRequest("client_id is missing")
        client = await self.find(client_id)
        if claimed.assertion is not None:
            return await self._by_assertion(client_id, client, claimed.assertion)
        if claimed.secret is not None:
            expected = client.secret_digest if client is not None else None
            good = secret_matches(claimed.secret, expected or _NOBODY)
            if client is None or expected is None or not good:
                raise UnknownClient("unknown client or wrong secret")
            return client
        if client is None or client.method is not ClientMethod.NONE:
            raise UnknownClient("unknown client, or one that must authenticate")
        return client

    async def find(self, client_id: str) -> Client | None:
        """An integrator, or a computer as a client: its key is the one of its association."""
        if is_id(client_id, "cli"):
            return await self._store.client(client_id)
        if not is_id(client_id, "cmp"):
            return None
        computer = await self._computers.find(client_id)
        if computer is None:
            return None
        return Client(
            kind=ClientKind.COMPUTER,
            id=computer.id,
            name=computer.name,
            method=ClientMethod.KEY,
            grants=frozenset({GrantType.CLIENT}),
            keys=(public_jwk(computer.key, UnknownClient),),
        )

    async def _by_assertion(self, client_id: str, client: Client | None, assertion: str) -> Client:
        if client is None or client.method is not ClientMethod.KEY:
            raise UnknownClient("unknown client, or one without a key")
        try:
            await self._assertions.check(assertion, client_id=client_id, keys=client.keys, audiences=self._audiences)
        except BadAssertion as cause:
            raise UnknownClient(cause.detail) from cause
        return client


def check_own_key(client: Client, proof: Proof) -> None:
    """A computer's DPoP key is its association key and no other. Raises BadProof."""
    if client.kind is ClientKind.COMPUTER and proof.jkt not in {thumbprint(key) for key in client.keys}:
        raise BadProof("a computer proves possession of its association key")


def _subject(assertion: str | None) -> str | None:
    """The client an assertion names for itself (RFC 7523 lets client_id be left out); nothing is believed yet."""
    if assertion is None or len(assertion) > 4096 or assertion.count(".") != 2:
        return None
    try:
        claims = strict_json(unb64u(assertion.split(".")[1], max_len=4096), max_bytes=4096)
    except LinkIdError:
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else None
