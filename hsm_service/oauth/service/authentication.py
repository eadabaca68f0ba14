"""Who stands at the token endpoint: clients authenticate by secret, key or certificate; computers are clients too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from foundation.clock import Clock
from foundation.dpop import AssertionVerifier, BadAssertion, BadProof, Proof, public_jwk, thumbprint
from foundation.encoding import strict_json, unb64u
from foundation.errors import LinkIdError
from foundation.ids import is_id, secret_digest, secret_matches
from hsm_service.oauth.domain.certificates import bears, in_its_time, issued_by_one_of
from hsm_service.oauth.domain.certificates import thumbprint as certificate_thumbprint
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.domain.grant import Binding
from hsm_service.oauth.errors import ParameterMissing, ProofMissing, UnknownClient
from hsm_service.oauth.ports import Computers
from hsm_service.oauth.store import ClientStore

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NOBODY: Final = secret_digest("nobody has this secret")
"""Compared with when there is no client, so that both refusals cost the same."""


@dataclass(frozen=True)
class Claimed:
    """What a request says about its client. At most one of the three proofs is there; the web floor sees to it."""

    client_id: str | None
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    """DER, of whoever proved its key in TLS; beside a secret or an assertion it proves nothing more."""


class ClientAuthentication:
    """Finds and proves the client."""

    def __init__(
        self,
        store: ClientStore,
        computers: Computers,
        assertions: AssertionVerifier,
        audiences: frozenset[str],
        *,
        clock: Clock,
        authorities: Sequence[x509.Certificate] = (),
    ) -> None:
        """``audiences``: the names under which client assertions may address us; ``authorities``: those that issue
        clients' certificates.
        """
        self._store = store
        self._computers = computers
        self._assertions = assertions
        self._audiences = audiences
        self._authorities = authorities
        self._clock = clock

    async def authenticate(self, claimed: Claimed) -> Client:
        """Raises UnknownClient for every reason not to believe it, BadOAuthRequest when nothing names a client."""
        client_id = claimed.client_id or _subject(claimed.assertion)
        if client_id is None:
            raise ParameterMissing("client_id")
        client = await self.find(client_id)
        if claimed.assertion is not None:
            return await self._by_assertion(client_id, client, claimed.assertion)
        if claimed.secret is not None:
            digests = () if client is None else client.secret_digests(self._clock.now())
            # Two comparisons, whatever there is to compare with.
            good = [secret_matches(claimed.secret, one) for one in (*digests, _NOBODY, _NOBODY)[:2]]
            if client is None or not any(good[: len(digests)]):
                raise UnknownClient("unknown client or wrong secret")
            return client
        if client is not None and client.method in (ClientMethod.TLS, ClientMethod.SELF_SIGNED):
            return self._by_certificate(client, claimed.certificate)
        if client is None or client.method is not ClientMethod.NONE:
            raise UnknownClient("unknown client, or one that must authenticate")
        return client

    def _by_certificate(self, client: Client, der: bytes | None) -> Client:
        """RFC 8705 section 2. TLS, or a proxy of ours, saw the private key at work; here is asked whose it is."""
        if der is None:
            raise UnknownClient("no certificate of the client")
        now = self._clock.now()
        try:
            certificate = x509.load_der_x509_certificate(der)
            if client.method is ClientMethod.SELF_SIGNED:
                good = der in client.certificates and in_its_time(certificate, now)
            else:
                named = client.tls_subject is not None and bears(certificate, client.tls_subject)
                good = named and issued_by_one_of(certificate, self._authorities, now)
        except (ValueError, x509.InvalidVersion) as cause:
            raise UnknownClient("the certificate cannot be read") from cause
        if not good:
            raise UnknownClient("not the client's certificate")
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


def binding_of(client: Client, proof: Proof | None, certificate: bytes | None) -> Binding:
    """What tokens given on this request are bound to. Raises ProofMissing, BadProof.

    A client that authenticates by certificate gets tokens bound to it (RFC 8705 section 3); any may bring a DPoP key, a
    computer must, and its association key at that.
    """
    if proof is None and client.must_prove_possession:
        raise ProofMissing()
    own = client.kind is not ClientKind.COMPUTER or proof is None or proof.jkt in {thumbprint(k) for k in client.keys}
    if not own:
        raise BadProof("a computer proves possession of its association key")
    by_certificate = client.method in (ClientMethod.TLS, ClientMethod.SELF_SIGNED) and certificate is not None
    return Binding(
        jkt=None if proof is None else proof.jkt,
        x5t=certificate_thumbprint(certificate) if by_certificate and certificate is not None else None,
    )


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
