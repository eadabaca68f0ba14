"""A passkey's word: the vectors hold, everything else is refused before any password is tried."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.encoding import b64u, unb64u
from protocol import pins
from protocol.documents import Document
from protocol.errors import PasskeyInvalid
from protocol.keys import P256Key
from protocol.passkeys import Assertion, RelyingParty, challenge, read_handle
from sandbox_phone.domain.passkey import Passkey
from tests.protocol.test_vectors import raw, vectors

VECTORS = vectors("passkey")
KEY = P256Key.from_jwk(VECTORS["key"]["public"])
APP = RelyingParty.of(VECTORS["app"])
REQUEST = Document.parse(raw(VECTORS["request"]["document"]))


@pytest.mark.parametrize("name", ["enrolment", "request"])
def test_what_a_passkey_says(name: str) -> None:
    """Over the document's challenge, by its key, at our app: its counter."""
    case = VECTORS[name]
    document = Document.parse(raw(case["document"]))
    assert b64u(challenge(document.digest)) == case["challenge"]
    assert Assertion.parse(case["passkey"]).verify(document, KEY, APP) == case["counter"]


@pytest.mark.parametrize("case", VECTORS["bad"], ids=lambda case: case["why"])
def test_a_word_that_is_not_for_this(case: dict[str, Any]) -> None:
    """Another document, origin, name, passkey, a frame, nobody verified: refused."""
    with pytest.raises(PasskeyInvalid):
        Assertion.parse(case["passkey"]).verify(REQUEST, KEY, APP)


def test_one_bit_of_anything() -> None:
    """What is signed is all of it: a bit elsewhere in any of the three, and it does not hold."""
    good = VECTORS["request"]["passkey"]
    for name, text in good.items():
        data = raw(text)
        for index in range(0, len(data), 7):
            changed = bytes([*data[:index], data[index] ^ 4, *data[index + 1 :]])
            with pytest.raises(PasskeyInvalid):
                Assertion.parse({**good, name: b64u(changed)}).verify(REQUEST, KEY, APP)


@pytest.mark.parametrize(
    "change",
    [
        {"authenticator_data": ""}, {"authenticator_data": "A" * 40}, {"authenticator_data": "A" * 700},
        {"client_data": ""}, {"client_data": b64u(b"[]")}, {"client_data": b64u(b"null")},
        {"client_data": b64u(b'{"type":"webauthn.get","type":"webauthn.get"}')}, {"client_data": "A" * 4000},
        {"client_data": b64u(b"\xff\xfe")}, {"signature": ""}, {"signature": b64u(bytes(64))},
        {"signature": b64u(bytes.fromhex("3006020100020100"))}, {"signature": "A" * 98}, {"signature": "+/=="},
        {"signature": None}, {"signature": 5}, {"client_data": {}}, {"extra": "x"},
    ],
)  # fmt: skip
def test_malformed(change: dict[str, Any]) -> None:
    """Empty, too long, of another type, not JSON, twice the same member, members that do not belong: refused."""
    with pytest.raises(PasskeyInvalid):
        Assertion.parse({**VECTORS["request"]["passkey"], **change}).verify(REQUEST, KEY, APP)


@pytest.mark.parametrize("value", [None, [], "x", 5, {}, {"authenticator_data": "AA"}])
def test_no_assertion_at_all(value: Any) -> None:
    """Other things in its place."""
    with pytest.raises(PasskeyInvalid):
        Assertion.parse(value)


def test_members_that_browsers_add() -> None:
    """Chromium puts one into the client data so that nobody compares the text: passed over."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = Passkey(key, bytes(32), APP.origin)
    said = made.speak(REQUEST.data, 7, other_keys_can_be_added_here="do not compare clientDataJSON", crossOrigin=False)
    assert Assertion.parse(said).verify(REQUEST, P256Key.from_public(key.public_key()), APP) == 7


def test_where_the_app_is() -> None:
    """In a browser's spelling: without the scheme's own port, in lower case; what is no address matches nobody."""
    assert RelyingParty.of("http://localhost:8440") == RelyingParty("http://localhost:8440", "localhost")
    assert RelyingParty.of("https://APP.example:443/") == RelyingParty("https://app.example", "app.example")
    for address in ("", "app.example", "ftp://app.example", "https://", "https://app.example:x", "https://é.example"):
        assert RelyingParty.of(address) == RelyingParty("", "")
        with pytest.raises(PasskeyInvalid):
            said = Passkey(ec.generate_private_key(ec.SECP256R1()), bytes(32), "").speak(REQUEST.data)
            Assertion.parse(said).verify(REQUEST, KEY, RelyingParty.of(address))
    assert pins.app(b'{"v":1,"app":"https://app.example"}') == APP
    assert pins.app(b'{"v":1,"app":5}') == pins.app(b"[]") == RelyingParty("", "")


@pytest.mark.parametrize("handle", ["", "AA", b64u(bytes(15)), b64u(bytes(1024)), "x!", None, 5])
def test_ids_that_are_none(handle: Any) -> None:
    """Of 16 to 1,023 bytes."""
    with pytest.raises(PasskeyInvalid):
        read_handle(handle)
    assert read_handle(b64u(bytes(1023))) == bytes(1023)


def test_the_simulated_phone_makes_what_the_vectors_have() -> None:
    """Written from docs/phone-api.md: the same bytes, but for the signature's chance."""
    private = VECTORS["key"]["private"]
    key = ec.derive_private_key(int.from_bytes(unb64u(private["d"], max_len=32), "big"), ec.SECP256R1())
    made, wanted = Passkey(key, raw(VECTORS["id"]), VECTORS["app"]), VECTORS["request"]["passkey"]
    said = made.speak(REQUEST.data)
    assert said["authenticator_data"] == wanted["authenticator_data"]
    assert Assertion.parse(said).verify(REQUEST, KEY, APP) == 0
