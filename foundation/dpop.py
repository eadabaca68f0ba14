"""Proof of possession on the wire: DPoP proofs (RFC 9449) and client assertions (RFC 7523), ES256 only.

``verify_proof`` and ``verify_assertion`` are pure: they take the time and say what the proof proves, or raise. Whether
it was used before is asked last, of a ``ReplayCache``, and only for proofs that are otherwise good: an attacker cannot
fill the memory with rubbish. ``DpopVerifier`` and ``AssertionVerifier`` join the two.
"""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u, strict_json, unb64u
from foundation.errors import LinkIdError, NotAuthenticated, Unavailable
from foundation.ids import same
from foundation.queries import Queries

queries = Queries.load("foundation")

WINDOW: Final = timedelta(seconds=60)
"""How far a proof's ``iat`` may be from our clock, either way. Phones keep network time; a minute covers slow radio."""
MAX_ASSERTION_LIFE: Final = timedelta(minutes=5)
_SKEW: Final = timedelta(seconds=10)
_MAX_TEXT: Final = 4096
_MAX_JTI: Final = 128
_TOGETHER: Final = 256
"""Proofs of one statement."""
_JWK_MEMBERS: Final = frozenset({"kty", "crv", "x", "y"})
_JWK_IGNORED: Final = frozenset({"kid", "alg", "use", "key_ops", "ext"})
"""Members that say nothing about the key; browsers export some of them."""


class BadProof(NotAuthenticated):
    """A DPoP proof that proves nothing (RFC 9449 section 4.3)."""

    code = "invalid_dpop_proof"
    summary = "The DPoP proof is not valid."


class BadAssertion(NotAuthenticated):
    """A client assertion that proves nothing (RFC 7523 section 3)."""

    code = "invalid_client_assertion"
    summary = "The client assertion is not valid."


class ReplayCache(Protocol):
    """Remembers which proofs were used."""

    async def first_use(self, digest: bytes, until: datetime) -> bool:
        """True exactly once per digest, however many ask at the same time; it may be forgotten after ``until``."""
        ...


@dataclass(frozen=True)
class Proof:
    """What a good proof says: who holds the key. ``jwk`` has exactly kty, crv, x, y; ``jkt`` is its RFC 7638 name."""

    jkt: str
    jwk: Mapping[str, str]
    jti: str
    issued: datetime


@dataclass(frozen=True)
class Assertion:
    """What a good assertion says: the client is who it claims to be."""

    client_id: str
    jkt: str
    jti: str
    expires: datetime


def verify_proof(
    text: str, *, method: str, url: str, now: datetime, access_token: str | None = None, nonce: str | None = None
) -> Proof:
    """Check one DPoP proof against one request. Pure: replay is asked elsewhere.

    ``url``: the request's address as the outside knows it. Raises BadProof naming the check that failed.
    The numbers are those of RFC 9449 section 4.3. (1) there is exactly one proof: the caller's.
    """
    # (2) a single, well-formed JWT; (3) with all required claims
    header, claims = _parse(text, BadProof)
    # (4) typ is dpop+jwt
    if header.get("typ") != "dpop+jwt":
        raise BadProof("typ is not dpop+jwt")
    # (5) alg is asymmetric and ours; nothing else may steer the verification
    if header.get("alg") != "ES256" or not set(header) <= {"typ", "alg", "jwk", "kid"}:
        raise BadProof("alg is not ES256, or unknown header members")
    # (6) the signature verifies with the header's key; (7) which has no private part
    jwk = public_jwk(header.get("jwk"), BadProof)
    _check_signature(text, jwk, BadProof)
    # (8) htm; (9) htu without query and fragment
    if claims.get("htm") != method:
        raise BadProof("htm is another method")
    htu = claims.get("htu")
    if not isinstance(htu, str) or normalised(htu) is None or normalised(htu) != normalised(url):
        raise BadProof("htu is another address")
    # (10) the nonce, when we gave one
    if nonce is not None and not same(_text(claims.get("nonce")), nonce):
        raise BadProof("nonce is not ours")
    # (11) made just now
    issued = _instant(claims.get("iat"), BadProof)
    if not now - WINDOW <= issued <= now + WINDOW:
        raise BadProof("iat is too far from our clock")
    # (12) bound to the access token, when there is one
    if access_token is not None and not same(_text(claims.get("ath")), access_token_hash(access_token)):
        raise BadProof("ath is another token's")
    return Proof(thumbprint(jwk), jwk, _jti(claims, BadProof), issued)


def verify_assertion(
    text: str, *, client_id: str, keys: Collection[Mapping[str, str]], audiences: Collection[str], now: datetime
) -> Assertion:
    """Check one ``private_key_jwt`` against the keys registered for a client. Pure: replay is asked elsewhere.

    ``audiences``: the names we answer to (issuer, token endpoint). Raises BadAssertion naming the check that failed.
    """
    header, claims = _parse(text, BadAssertion)
    # (1) our algorithm; a client may name its key but not bring one
    if header.get("alg") != "ES256" or not set(header) <= {"typ", "alg", "kid"}:
        raise BadAssertion("alg is not ES256, or unknown header members")
    if header.get("typ") not in (None, "JWT", "client-authentication+jwt"):
        raise BadAssertion("typ is of something else")
    # (2) one of the client's keys made the signature
    key = _signing_key(text, header.get("kid"), keys)
    # (3) iss = sub = the client
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise BadAssertion("iss and sub are not this client")
    # (4) for us
    aud = claims.get("aud")
    named = [aud] if isinstance(aud, str) else aud
    if not isinstance(named, list) or not any(isinstance(one, str) and one in audiences for one in named):
        raise BadAssertion("aud is somebody else")
    # (5) not over, not for long, not from the future
    expires = _instant(claims.get("exp"), BadAssertion)
    if expires <= now:
        raise BadAssertion("exp is past")
    if expires > now + MAX_ASSERTION_LIFE + _SKEW:
        raise BadAssertion("exp is more than five minutes away")
    for name in ("iat", "nbf"):
        if name in claims and _instant(claims[name], BadAssertion) > now + _SKEW:
            raise BadAssertion(f"{name} is in the future")
    return Assertion(client_id, thumbprint(key), _jti(claims, BadAssertion), expires)


class DpopVerifier:
    """Proofs checked and then remembered."""

    def __init__(self, clock: Clock, replays: ReplayCache) -> None:
        """One per process; ``replays`` is shared by all gateways."""
        self._clock = clock
        self._replays = replays

    async def check(
        self, proofs: Sequence[str], *, method: str, url: str, access_token: str | None = None, nonce: str | None = None
    ) -> Proof:
        """``proofs``: every value of the request's DPoP header; there must be exactly one. Raises BadProof."""
        proof = self.verify(proofs, method=method, url=url, access_token=access_token, nonce=nonce)
        await self.demand_first_use(proof)
        return proof

    def verify(
        self, proofs: Sequence[str], *, method: str, url: str, access_token: str | None = None, nonce: str | None = None
    ) -> Proof:
        """The first half of ``check``: good, but maybe used before. Raises BadProof."""
        if len(proofs) != 1:
            raise BadProof("expected exactly one DPoP header")
        now = self._clock.now()
        return verify_proof(proofs[0], method=method, url=url, now=now, access_token=access_token, nonce=nonce)

    async def demand_first_use(self, proof: Proof) -> None:
        """The second half: of a good proof, once. Raises BadProof."""
        if not await self._replays.first_use(replay_digest("dpop", proof.jkt, proof.jti), proof.issued + 2 * WINDOW):
            raise BadProof("used before")


class AssertionVerifier:
    """Client assertions checked and then remembered."""

    def __init__(self, clock: Clock, replays: ReplayCache) -> None:
        """One per process; ``replays`` is shared by all gateways."""
        self._clock = clock
        self._replays = replays

    async def check(
        self, text: str, *, client_id: str, keys: Collection[Mapping[str, str]], audiences: Collection[str]
    ) -> Assertion:
        """Raises BadAssertion."""
        now = self._clock.now()
        good = verify_assertion(text, client_id=client_id, keys=keys, audiences=audiences, now=now)
        if not await self._replays.first_use(
            replay_digest("assertion", good.client_id, good.jti), good.expires + _SKEW
        ):
            raise BadAssertion("used before")
        return good


class MemoryReplayCache:
    """For one process: tests, and a gateway that runs alone. Bounded: when full of live proofs it refuses all."""

    def __init__(self, clock: Clock, capacity: int = 100_000) -> None:
        """``capacity``: proofs remembered at once."""
        self._clock = clock
        self._capacity = capacity
        self._seen: dict[bytes, datetime] = {}

    async def first_use(self, digest: bytes, until: datetime) -> bool:
        """See ReplayCache. Raises Unavailable when full: forgetting a live proof would let it be used again."""
        if digest in self._seen:
            return False
        if len(self._seen) >= self._capacity:
            now = self._clock.now()
            self._seen = {kept: end for kept, end in self._seen.items() if end > now}
            if len(self._seen) >= self._capacity:
                raise Unavailable("the memory of used proofs is full")
        self._seen[digest] = until
        return True


class DatabaseReplayCache:
    """For any number of gateways: a primary key in PostgreSQL decides who was first."""

    def __init__(self, database: Database) -> None:
        """Needs the grants of ``linkid_gateway`` on ``web.seen_proofs``."""
        self._database = database
        self._asked: dict[bytes, tuple[datetime, asyncio.Future[bool]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def first_use(self, digest: bytes, until: datetime) -> bool:
        """See ReplayCache. Who comes while others are asked about goes together in the next statement."""
        if digest in self._asked:
            return False  # the same proof, here already and not yet answered
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked[digest] = (until, answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="seen-proofs")
        return await answer

    async def _ask(self) -> None:
        try:
            while self._asked:
                await self._ask_together(dict(sorted(self._asked.items())[:_TOGETHER]))
        finally:
            self._asking = None

    async def _ask_together(self, asked: Mapping[bytes, tuple[datetime, "asyncio.Future[bool]"]]) -> None:
        """In order of digests, so that no two gateways wait for each other."""
        ends = [until for until, _ in asked.values()]
        try:
            rows = await self._database.fetch(queries.remember_proofs, list(asked), ends)
            first = {row["digest"] for row in rows}
            for digest, (_, answer) in asked.items():
                if not answer.done():  # its caller may have given up meanwhile
                    answer.set_result(digest in first)
        except Exception as error:
            for _, answer in asked.values():
                if not answer.done():
                    answer.set_exception(error)
        finally:
            for digest, (_, answer) in asked.items():
                del self._asked[digest]
                answer.cancel()

    async def forget(self, now: datetime, limit: int = 10_000) -> int:
        """Remove what can no longer be replayed; call from time to time. Returns how many went."""
        tag = await self._database.execute(queries.forget_proofs, now, limit)
        return int(tag.rpartition(" ")[2])


def public_jwk(value: object, error: type[LinkIdError] = BadProof) -> dict[str, str]:
    """A P-256 public key with exactly kty, crv, x, y, checked to be a point of the curve. Raises ``error``."""
    if not isinstance(value, Mapping) or not _JWK_MEMBERS <= set(value) <= _JWK_MEMBERS | _JWK_IGNORED:
        raise error("jwk is not a public key with kty, crv, x, y")
    jwk = {name: _text(value[name]) for name in ("kty", "crv", "x", "y")}
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise error("jwk is not P-256")
    try:
        if {len(unb64u(jwk[name], max_len=32)) for name in ("x", "y")} != {32}:
            raise error("jwk has a short coordinate")
        _known(jwk["x"], jwk["y"])
    except (ValueError, JoseError, LinkIdError) as cause:
        raise error("jwk is not a point of P-256") from cause
    return jwk


@lru_cache(maxsize=4096)
def _known(x: str, y: str) -> ECKey:
    """The same keys come with every call; once looked at, a point is on the curve. Raises ValueError, JoseError."""
    key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    key.public_key  # noqa: B018 - raises for a point off the curve
    return key


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 SHA-256 thumbprint of an EC public key, b64u: the key's name (``jkt``)."""
    text = '{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}'.format(**{m: jwk[m] for m in ("crv", "kty", "x", "y")})
    return b64u(hashlib.sha256(text.encode("ascii")).digest())


def access_token_hash(token: str) -> str:
    """The ``ath`` of a token (RFC 9449 section 4.2)."""
    return b64u(hashlib.sha256(token.encode("utf-8")).digest())


def replay_digest(kind: str, owner: str, jti: str) -> bytes:
    """What is remembered of a proof: 32 bytes, whatever it contained."""
    return hashlib.sha256(b"\0".join(part.encode("utf-8") for part in (kind, owner, jti))).digest()


def normalised(url: str) -> str | None:
    """An address by RFC 3986 section 6.2.2 and 6.2.3, without query and fragment; None when it is not one of ours."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None and port != {"https": 443, "http": 80}[scheme]:
        host = f"{host}:{port}"
    return f"{scheme}://{host}{parts.path or '/'}"


def _parse(text: str, error: type[LinkIdError]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if len(text) > _MAX_TEXT or text.count(".") != 2:
        raise error("not a JWS in compact serialisation")
    parts: list[Mapping[str, Any]] = []
    for part in text.split(".")[:2]:
        try:
            value = strict_json(unb64u(part, max_len=_MAX_TEXT), max_bytes=_MAX_TEXT)
        except LinkIdError as cause:
            raise error("not a JWT") from cause
        if not isinstance(value, Mapping):
            raise error("not a JWT")
        parts.append(value)
    return parts[0], parts[1]


def _check_signature(text: str, jwk: Mapping[str, str], error: type[LinkIdError]) -> None:
    try:
        jws.deserialize_compact(text, _known(jwk["x"], jwk["y"]), algorithms=["ES256"])
    except (JoseError, ValueError) as cause:
        raise error("the signature does not verify") from cause


def _signing_key(text: str, kid: object, keys: Collection[Mapping[str, str]]) -> Mapping[str, str]:
    """The registered key that made the signature; a ``kid`` that is one of our thumbprints narrows the search."""
    good = [public_jwk(key, BadAssertion) for key in keys]
    named = [key for key in good if thumbprint(key) == kid]
    for key in named or good:
        try:
            _check_signature(text, key, BadAssertion)
        except BadAssertion:
            continue
        return key
    raise BadAssertion("no registered key of the client made this signature")


def _jti(claims: Mapping[str, Any], error: type[LinkIdError]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _MAX_JTI:
        raise error("jti is missing or too long")
    return jti


def _instant(value: object, error: type[LinkIdError]) -> datetime:
    """A NumericDate. ``True`` is an int in Python and is refused; so is anything beyond year 9999."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253_402_300_800:
        raise error("a time claim is missing or is not a number")
    return datetime.fromtimestamp(value, UTC)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
