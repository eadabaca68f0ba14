"""Who a request to an endpoint says it comes from: Basic, form, assertion, or the certificate of the connection."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import unquote_plus

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import TooMany
from foundation.web import AddressWindow, client_address
from foundation.web.caller import Network
from foundation.web.certificates import NO_CERTIFICATES, CertificateReader
from hsm_service.oauth.domain.client import Client, ClientMethod
from hsm_service.oauth.errors import BadOAuthRequest, UnknownClient
from hsm_service.oauth.service.authentication import ASSERTION_TYPE, Claimed, ClientAuthentication
from hsm_service.oauth.service.pace import CallPace

WRONG_PER_MINUTE: Final = 20
"""Failed client authentications of one address; secrets have 256 bits, this only keeps the log readable."""
NAMELESS_PER_MINUTE: Final = 20
"""Pushed requests of one address by clients that do not authenticate: as many as it may open pages."""


@dataclass(frozen=True)
class Authenticated:
    """A proven client, and the certificate of the connection it came by."""

    client: Client
    certificate: bytes | None


class ClientReader:
    """One for all endpoints: what is guessed at one counts at the others."""

    def __init__(
        self,
        clock: Clock,
        authentication: ClientAuthentication,
        pace: CallPace,
        trusted_proxies: tuple[Network, ...] = (),
        certificates: CertificateReader = NO_CERTIFICATES,
    ) -> None:
        """``pace``: of every call; ``certificates``: where those of connections are found."""
        self._clock = clock
        self._authentication = authentication
        self._pace = pace
        self._proxies = trusted_proxies
        self._certificates = certificates
        self._wrong = AddressWindow(WRONG_PER_MINUTE, timedelta(minutes=1))
        self._nameless = AddressWindow(NAMELESS_PER_MINUTE, timedelta(minutes=1))

    async def read(self, request: web.Request, form: Mapping[str, str]) -> Authenticated:
        """Raises UnknownClient, BadOAuthRequest, TooMany."""
        address = client_address(request, self._proxies)
        certificate = self._certificates.of(request)
        try:
            client = await self._authentication.authenticate(claimed(request, form, certificate))
        except UnknownClient:
            # Counted after the fact: an honest client behind the same address is never kept out by its neighbour
            # for longer than the window, and never when it is right.
            wait = self._wrong.take(address, self._clock.now())
            if wait:
                raise TooMany(retry_after=wait) from None
            raise
        # Not of those that anybody can claim to be: a stranger would spend their calls.
        if client.method is not ClientMethod.NONE:
            await self._pace.demand(client.id, client.calls_per_minute)
        return Authenticated(client, certificate)

    def check_pace(self, request: web.Request, client: Client) -> None:
        """What leaves a row behind is limited for those that nobody can tell apart. Raises TooMany."""
        if client.method is ClientMethod.NONE:
            wait = self._nameless.take(client_address(request, self._proxies), self._clock.now())
            if wait:
                raise TooMany(retry_after=wait)


def claimed(request: web.Request, form: Mapping[str, str], certificate: bytes | None = None) -> Claimed:
    """What a request says about its client: one method only (RFC 6749 section 2.3). Raises BadOAuthRequest."""
    basic = _basic(request)
    client_id, secret, assertion = form.get("client_id"), form.get("client_secret"), form.get("client_assertion")
    if sum(proof is not None for proof in (basic, secret, assertion)) > 1:
        raise BadOAuthRequest("more than one way of client authentication")
    if assertion is not None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise BadOAuthRequest(f"client_assertion_type must be {ASSERTION_TYPE}")
        return Claimed(client_id, assertion=assertion)
    if basic is not None:
        if client_id not in (None, basic[0]):
            raise BadOAuthRequest("client_id is another one than in the Authorization header")
        return Claimed(basic[0], secret=basic[1])
    return Claimed(client_id, secret=secret, certificate=certificate)


def _basic(request: web.Request) -> tuple[str, str] | None:
    """User and password of a Basic header, each form-decoded (section 2.3.1); None when there is no such header."""
    values = request.headers.getall("Authorization", [])
    if not values:
        return None
    scheme, _, text = values[0].partition(" ")
    if len(values) != 1 or scheme.lower() != "basic":
        raise BadOAuthRequest("the Authorization header is not Basic")
    try:
        user, separator, password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError as cause:  # of letters beyond ASCII too, which are no Base64 at all
        raise BadOAuthRequest("the Authorization header is malformed") from cause
    if not separator or not user:
        raise BadOAuthRequest("the Authorization header is malformed")
    return unquote_plus(user), unquote_plus(password)
