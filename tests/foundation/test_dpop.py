"""Proof of possession: what a good proof proves, and every lie a bad one tells."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.dpop import (
    AssertionVerifier,
    BadAssertion,
    BadProof,
    DatabaseReplayCache,
    DpopVerifier,
    MemoryReplayCache,
    normalised,
    public_jwk,
    replay_digest,
    thumbprint,
    verify_assertion,
    verify_proof,
)
from foundation.encoding import b64u
from foundation.errors import Unavailable
from tests.foundation.proofs import Key, ath
from tests.support.postgres import TestDatabase

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()
URL = "https://gateway.example/phone/v1/waiting"
AUDIENCE = "https://gateway.example/oauth2/token"
KEY, OTHER = Key(), Key()


def check(text: str, **changes: Any) -> Any:
    """Verify against the one good request, changed as told."""
    return verify_proof(text, **{"method": "GET", "url": URL, "now": NOW, **changes})


# --- the proof ---------------------------------------------------------------------------------------------------


def test_a_good_proof_names_the_key() -> None:
    """The thumbprint is RFC 7638's, the key has only its public members."""
    proof = check(KEY.proof("GET", URL, AT))

    assert proof.jkt == thumbprint(KEY.jwk)
    assert proof.jwk == KEY.jwk
    assert (proof.jti, proof.issued) == ("jti-1", NOW)


def test_thumbprint_is_rfc_7638() -> None:
    """Required members in lexicographic order, nothing else (the key of RFC 7517 A.1; value computed by hand)."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }

    assert thumbprint(jwk) == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"
    assert thumbprint({**jwk, "kid": "x", "use": "sig"}) == thumbprint(jwk)


@pytest.mark.parametrize(
    "url",
    [
        "https://GATEWAY.example/phone/v1/waiting",
        "https://gateway.example:443/phone/v1/waiting",
        URL + "?a=b",
        URL + "#x",
    ],
)
def test_htu_is_compared_normalised(url: str) -> None:
    """Case of the host, default port, query and fragment make no difference, on either side."""
    assert check(KEY.proof("GET", url, AT))
    assert check(KEY.proof("GET", URL, AT), url=url)


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another method": {"htm": "POST"},
    "method in lower case": {"htm": "get"},
    "no method": {"htm": None},
    "another path": {"htu": "https://gateway.example/phone/v1/device"},
    "another host": {"htu": "https://evil.example/phone/v1/waiting"},
    "another scheme": {"htu": "http://gateway.example/phone/v1/waiting"},
    "another port": {"htu": "https://gateway.example:8443/phone/v1/waiting"},
    "path in another case": {"htu": "https://gateway.example/Phone/v1/waiting"},
    "no address": {"htu": None},
    "address is no text": {"htu": ["https://gateway.example/phone/v1/waiting"]},
    "address with credentials": {"htu": "https://x:y@gateway.example/phone/v1/waiting"},
    "relative address": {"htu": "/phone/v1/waiting"},
    "too old": {"iat": AT - 61},
    "from the future": {"iat": AT + 61},
    "no time": {"iat": None},
    "time as text": {"iat": str(AT)},
    "time as flag": {"iat": True},
    "time beyond all": {"iat": 1e300},
    "time negative": {"iat": -1},
    "no jti": {"jti": None},
    "empty jti": {"jti": ""},
    "jti too long": {"jti": "x" * 129},
    "jti is no text": {"jti": 7},
}


@pytest.mark.parametrize("lie", BAD_CLAIMS)
def test_bad_claims(lie: str) -> None:
    """One wrong claim in an otherwise perfect proof is enough."""
    with pytest.raises(BadProof):
        check(KEY.proof("GET", URL, AT, **BAD_CLAIMS[lie]))


BAD_HEADERS: dict[str, dict[str, Any]] = {
    "no typ": {"typ": None},
    "another typ": {"typ": "JWT"},
    "alg none": {"alg": "none"},
    "symmetric alg": {"alg": "HS256"},
    "another asymmetric alg": {"alg": "RS256"},
    "no alg": {"alg": None},
    "no key": {"jwk": None},
    "somebody else's key": {"jwk": OTHER.jwk},
    "a private key": {"jwk": {**KEY.jwk, "d": b64u(bytes(32))}},
    "an RSA key": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
    "a symmetric key": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "another curve": {"jwk": Key(ec.SECP384R1()).jwk},
    "another curve's name": {"jwk": {**KEY.jwk, "crv": "P-384"}},
    "a point off the curve": {"jwk": {**KEY.jwk, "y": KEY.jwk["x"]}},
    "a short coordinate": {"jwk": {**KEY.jwk, "x": b64u(bytes(31))}},
    "a coordinate with padding": {"jwk": {**KEY.jwk, "x": KEY.jwk["x"] + "="}},
    "a key as text": {"jwk": json.dumps(KEY.jwk)},
    "unknown critical": {"crit": ["exp"], "exp": 1},
    "unencoded payload": {"b64": False, "crit": ["b64"]},
    "a key elsewhere": {"jku": "https://evil.example/keys"},
    "a certificate": {"x5c": ["MII"]},
}


@pytest.mark.parametrize("lie", BAD_HEADERS)
def test_bad_headers(lie: str) -> None:
    """The header may say exactly what we expect: it must not steer its own verification."""
    with pytest.raises(BadProof):
        check(KEY.proof("GET", URL, AT, header=BAD_HEADERS[lie]))


def test_an_altered_proof_fails() -> None:
    """Another payload, or another signature, under the same rest."""
    good, other = KEY.proof("GET", URL, AT), KEY.proof("GET", URL, AT, jti="jti-2")
    header, payload, signature = good.split(".")
    _, other_payload, other_signature = other.split(".")

    for text in (
        f"{header}.{other_payload}.{signature}",
        f"{header}.{payload}.{other_signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{b64u(bytes(64))}",
        f"{header}.{payload}.{signature}AA",
        f"{header}.{payload}.{signature}=",
    ):
        with pytest.raises(BadProof):
            check(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b", "a.b.c.d", "é.é.é", "x" * 5000, "e30.e30.e30", "e30..", "AA.AA.AA"]
)
def test_what_is_no_proof(text: str) -> None:
    """Rubbish is refused as rubbish."""
    with pytest.raises(BadProof):
        check(text)


@pytest.mark.parametrize(
    "payload", [b"[]", b"null", b'"x"', b'{"htm":"GET","htm":"GET"}', b"{", b"\xff", b"[" * 1000, b"{}"]
)
def test_signed_rubbish(payload: bytes) -> None:
    """A good signature over something that is no claims object."""
    with pytest.raises(BadProof):
        check(KEY.jws({"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk}, payload))


@given(st.text(max_size=200))
def test_no_text_breaks_the_verifier(text: str) -> None:
    """Anything is a bad proof, never another exception."""
    with pytest.raises(BadProof):
        check(text)


def test_a_token_needs_its_hash() -> None:
    """With an access token the proof must name it; another token's hash, or none, is refused."""
    token = "at_x_y"
    assert check(KEY.proof("GET", URL, AT, ath=ath(token)), access_token=token)
    for wrong in (None, ath("at_x_z"), token, "", 7):
        with pytest.raises(BadProof):
            check(KEY.proof("GET", URL, AT, ath=wrong), access_token=token)


def test_a_nonce_that_we_gave_must_come_back() -> None:
    """When one is demanded; otherwise a nonce is ignored."""
    assert check(KEY.proof("GET", URL, AT, nonce="n1"), nonce="n1")
    assert check(KEY.proof("GET", URL, AT, nonce="n1"))
    for wrong in (None, "n2", 1):
        with pytest.raises(BadProof):
            check(KEY.proof("GET", URL, AT, nonce=wrong), nonce="n1")


def test_window_is_sixty_seconds_either_way() -> None:
    """The edges pass, a second more does not."""
    for offset in (-60, 60):
        assert check(KEY.proof("GET", URL, AT + offset))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://A.example", "https://a.example/"),
        ("http://localhost:8441/x", "http://localhost:8441/x"),
        ("http://localhost:80/x?y#z", "http://localhost/x"),
        ("https://[::1]:443/", "https://[::1]/"),
        ("https://a.example:99999/", None),
        ("ftp://a.example/", None),
        ("https:///x", None),
        ("https://[::1/", None),
        ("", None),
    ],
)
def test_normalised(url: str, expected: str | None) -> None:
    """One spelling per address, none for what is no address of ours."""
    assert normalised(url) == expected


def test_public_jwk_drops_what_browsers_add() -> None:
    """`ext` and `key_ops` of a WebCrypto export are accepted and dropped."""
    assert public_jwk({**KEY.jwk, "ext": True, "key_ops": ["verify"]}) == KEY.jwk


# --- used once ---------------------------------------------------------------------------------------------------


async def test_a_proof_is_good_once() -> None:
    """The second use fails; another jti, or the same jti of another key, is another proof."""
    clock = FixedClock(NOW)
    verifier = DpopVerifier(clock, MemoryReplayCache(clock))

    async def use(text: str) -> None:
        await verifier.check([text], method="GET", url=URL)

    await use(KEY.proof("GET", URL, AT))
    with pytest.raises(BadProof, match="used before"):
        await use(KEY.proof("GET", URL, AT))
    await use(KEY.proof("GET", URL, AT, jti="jti-2"))
    await use(OTHER.proof("GET", URL, AT))


async def test_a_bad_proof_is_not_remembered() -> None:
    """Otherwise an attacker could burn somebody's jti, or fill the memory."""
    clock = FixedClock(NOW)
    verifier = DpopVerifier(clock, MemoryReplayCache(clock, capacity=1))
    for method in ("POST", "PUT", "DELETE"):
        with pytest.raises(BadProof):
            await verifier.check([KEY.proof(method, URL, AT)], method="GET", url=URL)

    await verifier.check([KEY.proof("GET", URL, AT)], method="GET", url=URL)


@pytest.mark.parametrize("count", [0, 2])
async def test_exactly_one_header(count: int) -> None:
    """None, or two of them, is no proof: two could mean different things to two readers."""
    clock = FixedClock(NOW)
    verifier = DpopVerifier(clock, MemoryReplayCache(clock))

    with pytest.raises(BadProof, match="exactly one"):
        await verifier.check([KEY.proof("GET", URL, AT)] * count, method="GET", url=URL)


async def test_proof_stays_remembered_as_long_as_it_is_good() -> None:
    """A proof from the future edge of the window is remembered until its own past edge."""
    clock = FixedClock(NOW)
    memory = MemoryReplayCache(clock, capacity=1)
    verifier = DpopVerifier(clock, memory)
    early = KEY.proof("GET", URL, AT + 60)
    await verifier.check([early], method="GET", url=URL)

    clock.advance(120)
    with pytest.raises(BadProof, match="used before"):
        await verifier.check([early], method="GET", url=URL)
    with pytest.raises(Unavailable):
        await memory.first_use(b"another", clock.now())
    clock.advance(61)
    assert await memory.first_use(b"another", clock.now() + timedelta(seconds=1))


@pytest_asyncio.fixture
async def gateway(database: TestDatabase) -> AsyncIterator[Database]:
    """The database as a gateway sees it."""
    opened = Database(await open_pool(database.dsn("linkid_gateway"), max_size=8))
    yield opened
    await opened.close()


async def test_database_remembers_for_all_gateways(gateway: Database) -> None:
    """Of fifty at once, at three gateways, one is first; what is over is removed, what is not stays."""
    caches = [DatabaseReplayCache(gateway) for _ in range(3)]
    cache = caches[0]
    digest = replay_digest("dpop", "jkt", "jti")
    until = NOW + timedelta(seconds=60)
    others = [replay_digest("dpop", "jkt", f"jti {n}") for n in range(10)]

    firsts = await asyncio.gather(*(caches[n % 3].first_use(digest, until) for n in range(50)))
    new = await asyncio.gather(*(caches[n % 3].first_use(other, until) for n, other in enumerate(others * 2)))
    await cache.first_use(replay_digest("dpop", "jkt", "old"), NOW - timedelta(seconds=1))

    assert sum(firsts) == 1
    assert sum(new) == len(others)
    assert await cache.forget(NOW) == 1
    assert await cache.forget(NOW) == 0
    assert not await cache.first_use(digest, NOW)


async def test_a_proof_is_not_remembered_by_a_database_that_is_gone(gateway: Database) -> None:
    """Whoever waits for the answer is told that there is none, and the same proof may be asked about again."""
    cache = DatabaseReplayCache(gateway)
    digests = [replay_digest("dpop", "jkt", f"jti {n}") for n in range(3)]
    await gateway.close()

    for _ in range(2):
        answers = await asyncio.gather(*(cache.first_use(one, NOW) for one in digests), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3


def test_replay_digests_do_not_run_together() -> None:
    """Parts are separated: (a, bc) is not (ab, c)."""
    assert replay_digest("dpop", "a", "bc") != replay_digest("dpop", "ab", "c")
    assert len(replay_digest("x", "y", "z" * 100)) == 32


# --- the client's assertion --------------------------------------------------------------------------------------


def claim(text: str, **changes: Any) -> Any:
    """Verify against the one good client, changed as told."""
    return verify_assertion(
        text, **{"client_id": "cmp_1", "keys": [OTHER.jwk, KEY.jwk], "audiences": [AUDIENCE], "now": NOW, **changes}
    )


def test_a_good_assertion_names_client_and_key() -> None:
    """Any registered key may sign; `kid` may name it; `aud` may be a list."""
    for text in (
        KEY.assertion("cmp_1", AUDIENCE, AT),
        KEY.assertion("cmp_1", AUDIENCE, AT, header={"kid": thumbprint(KEY.jwk), "typ": "JWT"}),
        KEY.assertion("cmp_1", AUDIENCE, AT, header={"kid": "the client's own name for it"}),
        KEY.assertion("cmp_1", AUDIENCE, AT, aud=["https://other.example", AUDIENCE]),
    ):
        good = claim(text)
        assert (good.client_id, good.jkt, good.jti) == ("cmp_1", thumbprint(KEY.jwk), "jti-1")


BAD_ASSERTIONS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "cmp_2"},
    "another subject": {"sub": "cmp_2"},
    "no subject": {"sub": None},
    "somebody else's audience": {"aud": "https://other.example"},
    "no audience": {"aud": None},
    "audience is a number": {"aud": 5},
    "audiences are numbers": {"aud": [5]},
    "over": {"exp": AT},
    "too long": {"exp": AT + 311},
    "no end": {"exp": None},
    "end is a flag": {"exp": True},
    "from the future": {"iat": AT + 11},
    "not yet": {"nbf": AT + 11},
    "no jti": {"jti": None},
}


@pytest.mark.parametrize("lie", BAD_ASSERTIONS)
def test_bad_assertions(lie: str) -> None:
    """One wrong claim is enough."""
    with pytest.raises(BadAssertion):
        claim(KEY.assertion("cmp_1", AUDIENCE, AT, **BAD_ASSERTIONS[lie]))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"jwk": KEY.jwk},
        {"typ": "dpop+jwt"},
        {"crit": ["x"]},
        {"kid": thumbprint(OTHER.jwk)},
    ],
)
def test_bad_assertion_headers(header: dict[str, Any]) -> None:
    """It cannot bring its own key, pose as something else, or name a key that did not sign."""
    with pytest.raises(BadAssertion):
        claim(KEY.assertion("cmp_1", AUDIENCE, AT, header=header))


def test_a_strangers_key_signs_nothing() -> None:
    """Only keys registered for this client count; with none registered nothing does."""
    with pytest.raises(BadAssertion):
        claim(Key().assertion("cmp_1", AUDIENCE, AT))
    with pytest.raises(BadAssertion):
        claim(KEY.assertion("cmp_1", AUDIENCE, AT), keys=[])


def test_a_dpop_proof_is_no_assertion_nor_the_reverse() -> None:
    """The same key signs both; neither passes for the other."""
    with pytest.raises(BadAssertion):
        claim(KEY.proof("GET", URL, AT, iss="cmp_1", sub="cmp_1", aud=AUDIENCE, exp=int(AT) + 60))
    with pytest.raises(BadProof):
        check(KEY.assertion("cmp_1", AUDIENCE, AT, htm="GET", htu=URL))


async def test_an_assertion_is_good_once() -> None:
    """Replayed within its five minutes it is refused."""
    clock = FixedClock(NOW)
    verifier = AssertionVerifier(clock, MemoryReplayCache(clock))
    text = KEY.assertion("cmp_1", AUDIENCE, AT)

    async def use() -> None:
        await verifier.check(text, client_id="cmp_1", keys=[KEY.jwk], audiences=[AUDIENCE])

    await use()
    with pytest.raises(BadAssertion, match="used before"):
        await use()
