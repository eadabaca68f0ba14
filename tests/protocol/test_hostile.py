"""What a stranger may send to the contract's readers: all of it is refused, with our errors and nothing else."""

import hashlib
import sys
import unicodedata
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import example, given
from hypothesis import strategies as st

from foundation.encoding import JsonValue, b64u, canonical_json
from foundation.errors import LinkIdError
from protocol import activation, algorithms, custody, decisions, documents, orders, proofs
from protocol.decisions import Decision
from protocol.errors import OrderInvalid
from protocol.keys import P256Key, sign_raw
from tests.vectors import build_vectors as vectors

DOCUMENT = vectors.sign_document()


@pytest.mark.parametrize(
    "value",
    [
        None, 1, [], "x", {}, {"kty": "EC"},
        {**vectors.public("device").jwk, "kid": "more"},
        {**vectors.public("device").jwk, "d": "AAAA"},
        {**vectors.public("device").jwk, "crv": "P-384"},
        {**vectors.public("device").jwk, "x": "AA"},
        {**vectors.public("device").jwk, "x": vectors.public("device").jwk["y"]},
        {**vectors.public("device").jwk, "x": vectors.public("device").jwk["x"] + "="},
        {**vectors.public("device").jwk, "x": 5},
    ],
)  # fmt: skip
def test_bad_keys(value: Any) -> None:
    """Only P-256 public keys with exactly four members, on the curve."""
    with pytest.raises(LinkIdError):
        P256Key.from_jwk(value)


def test_one_flipped_bit_anywhere_spoils_a_decision() -> None:
    """A decision is over these exact bytes: whatever bit of document, proof or signature changes, it fails."""
    proof = vectors.proof_text(DOCUMENT)
    key = vectors.public("device")
    message = decisions.message(DOCUMENT.digest, "approve", proof)
    signature = sign_raw(vectors.private("device"), message)
    Decision("approve", proof, signature).verify(DOCUMENT, key)
    for index in range(0, len(DOCUMENT.data), 7):
        data = bytearray(DOCUMENT.data)
        data[index] ^= 1
        with pytest.raises(LinkIdError):
            Decision("approve", proof, signature).verify(documents.Document(bytes(data), {}), key)
    for index in range(64):
        bad = bytearray(signature)
        bad[index] ^= 0x40
        with pytest.raises(LinkIdError):
            Decision("approve", proof, bytes(bad)).verify(DOCUMENT, key)
    for decision in (
        Decision("refuse:not-me", proof, signature),
        Decision("approve", None, signature),
        Decision("approve", proof[:-1], signature),
        Decision("approve", proof, signature[:-1]),
        Decision("approve", proof, b""),
    ):
        with pytest.raises(LinkIdError):
            decision.verify(DOCUMENT, key)


@pytest.mark.parametrize(
    ("decision", "proof", "signature"),
    [
        ("yes", None, "A" * 86), (None, None, "A" * 86), ({"a": 1}, None, "A" * 86), ("approve", 1, "A" * 86),
        ("approve", "é", "A" * 86), ("approve", "", "A" * 86), ("approve", "A" * 2049, "A" * 86),
        ("approve", None, None), ("approve", None, "A" * 87),
        ("approve", None, "=" * 86), ("approve", None, "A" * 9999),
    ],
)  # fmt: skip
def test_shapes_of_a_decision(decision: Any, proof: Any, signature: Any) -> None:
    """Unknown words, foreign types and long proofs end as decision_invalid."""
    with pytest.raises(LinkIdError) as caught:
        Decision.parse(decision, proof, signature)
    assert caught.value.code == "decision_invalid"


def jwe_with(header: dict[str, Any], tail: str = "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA") -> str:
    return b64u(canonical_json(header)) + tail


GOOD = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": vectors.public("ephemeral").jwk, "kid": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "....", "a.b.c.d.e", jwe_with(GOOD)[:-1], jwe_with(GOOD) + ".A", jwe_with(GOOD, ".AA.AAAA.AAAA.AAAA"),
        jwe_with({**GOOD, "alg": "ECDH-ES+A256KW"}), jwe_with({**GOOD, "alg": "dir"}), jwe_with({**GOOD, "zip": "DEF"}),
        jwe_with({**GOOD, "enc": "A128GCM"}), jwe_with({**GOOD, "apu": ""}), jwe_with({**GOOD, "crit": ["b64"]}),
        jwe_with({**GOOD, "kid": 7}), jwe_with({**GOOD, "epk": {**GOOD["epk"], "y": GOOD["epk"]["x"]}}),  # type: ignore[dict-item,index]
        jwe_with({**GOOD, "epk": None}), jwe_with(GOOD, "..AAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"), "é" * 10, "A" * 2049,
    ],
)  # fmt: skip
def test_shapes_of_a_proof(text: str) -> None:
    """Anything but ECDH-ES with A256GCM on a point of P-256 is refused before a key is touched."""
    with pytest.raises(LinkIdError) as caught:
        proofs.Jwe.parse(text)
    assert caught.value.code == "proof_invalid"


@given(st.text(max_size=300))
def test_any_text_as_proof(text: str) -> None:
    """No text makes the reader fail in another way than ours."""
    with pytest.raises(LinkIdError):
        proofs.Jwe.parse(text)


@given(st.binary(max_size=300))
def test_any_bytes_as_claims_and_documents(data: bytes) -> None:
    """No bytes make the readers fail in another way than ours."""
    with pytest.raises(LinkIdError):
        proofs.Claims.parse(data)
    with pytest.raises(LinkIdError):
        documents.Document.parse(data)


def test_custody_opens_for_its_own_credential_only() -> None:
    """Another password, credential, key or version does not open a bound blob."""
    aad = custody.additional_data("cred_a", b"spki", kek=1, pepper=1)
    bound = custody.bind(bytes(32), b"wrapped", aad, nonce=bytes(12))
    assert custody.unbind(bytes(32), bound, aad) == b"wrapped"
    for key, blob, other in (
        (b"\1" * 32, bound, aad),
        (bytes(32), bound, custody.additional_data("cred_b", b"spki", kek=1, pepper=1)),
        (bytes(32), bound, custody.additional_data("cred_a", b"spkj", kek=1, pepper=1)),
        (bytes(32), bound, custody.additional_data("cred_a", b"spki", kek=2, pepper=1)),
        (bytes(32), bound[:-1], aad),
        (bytes(32), b"", aad),
    ):
        with pytest.raises(custody.DoesNotOpen):
            custody.unbind(key, blob, other)


def test_activation_keys_of_small_order_are_refused() -> None:
    """An activation key that would give everybody the same secret does not get a seal."""
    for key in (bytes(32), b"\x01" + bytes(31)):
        with pytest.raises(LinkIdError):
            activation.seal(b"wrapped", key, b"", ephemeral=b"\x07" * 32)


@pytest.mark.parametrize(
    ("key", "sign", "hash_", "size", "count"),
    [
        ("RSA-2048", "ECDSA-SHA256", "SHA-256", 32, 1), ("P-256", "RSA-PKCS1-SHA256", "SHA-256", 32, 1),
        ("RSA-2048", "RSA-PKCS1-SHA256", "SHA-384", 48, 1), ("RSA-2048", "RSA-PKCS1-SHA256", "SHA-256", 20, 1),
        ("RSA-2048", "RSA-PKCS1-SHA256", "SHA-256", 33, 1), ("RSA-2048", "RSA-PKCS1-SHA1", "SHA-1", 20, 1),
        ("RSA-2048", "RSA-PKCS1-SHA256", "SHA-256", 32, 0), ("RSA-2048", "RSA-PKCS1-SHA256", "SHA-256", 32, 101),
        ("P-384", "ECDSA-SHA256", "SHA-256", 32, 1), ("P-384", "RSA-PSS-SHA384", "SHA-384", 48, 1),
        ("RSA-1024", "RSA-PKCS1-SHA256", "SHA-256", 32, 1), ("P-521", "ECDSA-SHA512", "SHA-512", 64, 1),
        ("", "ECDSA-SHA256", "SHA-256", 32, 1),
    ],
)  # fmt: skip
def test_algorithms_agree(key: str, sign: str, hash_: str, size: int, count: int) -> None:
    """Key, algorithm, hash and length agree, and there are 1 to 100 hashes."""
    assert algorithms.agree("P-256", "ECDSA-SHA512", "SHA-512", [bytes(64)]).family == "ECDSA"
    with pytest.raises(LinkIdError):
        algorithms.agree(key, sign, hash_, [bytes(size)] * count)


@given(st.text(max_size=400))
@example("Acorda\u0303o.pdf")
def test_labels_are_one_harmless_line(text: str) -> None:
    """No label brings control or direction characters, line breaks or more than 120 characters to a phone."""
    cleaned = documents.clean(text)
    assert len(cleaned) <= 120
    assert cleaned == cleaned.strip()
    assert not any(char in cleaned for char in "\n\r\t\u202e\u202d\u2066\u2067\u200b\u2028\x00\x7f")
    canonical_json(cleaned)
    assert cleaned == _cleaned(text)


def _cleaned(text: str) -> str:
    """The rule once more, character by character, whatever the text looks like."""
    kept = [" " if char.isspace() else char for char in unicodedata.normalize("NFC", text)]
    kept = [char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    line = " ".join("".join(kept).split())
    return line if len(line) <= 120 else f"{line[:99]}…{line[-20:]}"


def test_what_is_printable_needs_no_cleaning() -> None:
    """No character that Python calls printable is one that a label loses, or white space other than the space."""
    printable = [char for char in map(chr, range(sys.maxunicode + 1)) if char.isprintable()]
    assert len(printable) > 100_000
    assert {unicodedata.category(char)[0] for char in printable} == {"L", "M", "N", "P", "S", "Z"}
    assert [char for char in printable if char.isspace()] == [" "]


def test_a_long_label_keeps_its_extension() -> None:
    """What would be pushed out of sight stays: the end of the name is kept."""
    assert documents.clean("contrato.pdf" + " " * 200 + "x" * 200 + ".exe").endswith(".exe")
    assert documents.clean("contrato\u202efdp.exe") == "contratofdp.exe"


def test_orders() -> None:
    """An order counts only from a known operator, of a known form."""
    operator, stranger = vectors.private("operator"), vectors.private("stranger")
    known = {vectors.public("operator").jkt: vectors.public("operator")}
    revoke: dict[str, JsonValue] = {"v": 1, "type": "revoke", "id": "ord_0123456789abcdefghjkmnpqrs", "created": 1,
              "serial": "0a", "reason": "keyCompromise"}  # fmt: skip
    order, signer = orders.open_order(orders.sign_order(revoke, operator), known)
    assert order.id == revoke["id"]
    assert signer in known
    good = orders.sign_order(revoke, operator)
    for bad in (
        orders.sign_order(revoke, stranger), f"{good.rpartition('.')[0]}.{b64u(bytes(64))}", good + ".A", "", "a.b.c",
        orders.sign_order({**revoke, "more": 1}, operator), orders.sign_order({**revoke, "v": 2}, operator),
        orders.sign_order({**revoke, "protocol": "1234567890"}, operator),
        orders.sign_order({**revoke, "id": "cred_0123456789abcdefghjkmnpqrs"}, operator),
        orders.sign_order({**revoke, "type": "issue"}, operator), orders.sign_order({"v": 1}, operator),
    ):  # fmt: skip
        with pytest.raises(LinkIdError):
            orders.open_order(bad, known)


def test_documents_have_exactly_their_members() -> None:
    """A document with a foreign or missing member cannot be fixed, nor read."""
    good = dict(DOCUMENT.members)
    for bad in ({**good, "more": 1}, {k: v for k, v in good.items() if k != "nonce"}, {**good, "type": "other"},
                {**good, "expires": "soon"}, {**good, "v": True}):  # fmt: skip
        with pytest.raises(LinkIdError):
            documents.Document.parse(canonical_json(bad))
    with pytest.raises(ValueError, match="members of pair"):
        documents.Document.fix("pair", "doc_x", {"device": "x"}, now=vectors.NOW, nonce=bytes(16))


def test_orders_about_integrators() -> None:
    """A name as phones show it, up to five different keys, two states, and nothing else in it."""
    operator, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    public = P256Key.from_public(operator.public_key())
    jwk, second = public.jwk, P256Key.from_public(other.public_key()).jwk
    known = {public.jkt: public}
    good: dict[str, Any] = {
        "v": 1, "type": "client", "id": "ord_0123456789abcdefghjkmnpqrs", "created": 1, "name": "Contratos SA",
        "client": "cli_0123456789abcdefghjkmnpqrs", "keys": [jwk, second], "state": "registered",
    }  # fmt: skip
    order, _ = orders.open_order(orders.sign_order(good, operator), known)
    assert isinstance(order, orders.ClientOrder)
    assert [key.jwk for key in order.public_keys()] == [jwk, second]
    off_curve = {**jwk, "x": second["x"]}
    changes: list[dict[str, Any]] = [
        {"client": "cmp_0123456789abcdefghjkmnpqrs"}, {"client": "cli_x"}, {"client": None}, {"name": ""},
        {"name": "n" * 61}, {"name": " x"}, {"name": "a  b"}, {"name": "Banco\u202ex"}, {"name": "Banco\u200b"},
        {"name": "..."}, {"name": "e\u0301"}, {"name": 7}, {"state": "king"}, {"state": None}, {"created": -1},
        {"created": True}, {"created": "1"}, {"created": 2**40}, {"created": 1.5}, {"keys": None}, {"keys": {}},
        {"keys": [jwk, jwk]}, {"keys": [jwk] * 6}, {"keys": [{**jwk, "d": "x"}]}, {"keys": [off_curve]},
        {"keys": [{**jwk, "crv": "P-384"}]}, {"keys": ["x"]}, {"id": "doc_0123456789abcdefghjkmnpqrs"}, {"v": 2},
        {"more": 1}, {"type": "revoke"},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(OrderInvalid):
            orders.open_order(orders.sign_order({**good, **change}, operator), known)
    for missing in good:
        with pytest.raises(OrderInvalid):
            orders.open_order(orders.sign_order({k: v for k, v in good.items() if k != missing}, operator), known)


@given(st.text(max_size=200))
def test_a_clean_name_is_a_name_of_an_order(text: str) -> None:
    """Whatever an operator types, what is made of it is taken as it is, or is nothing."""
    name = orders.client_name(text)
    assert orders.client_name(name) == name
    assert len(name) <= documents.NAME_CHARACTERS


def test_hashes_digest_names_a_multiset() -> None:
    """Order does not count, repetition does."""
    one, two = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()
    assert algorithms.hashes_digest([one, two]) == algorithms.hashes_digest([two, one])
    assert algorithms.hashes_digest([one, two]) != algorithms.hashes_digest([one, two, two])


def test_signature_algorithms_verify() -> None:
    """RSA and ECDSA signatures are told from bad ones, and from ones for another kind of key."""
    digest = hashlib.sha256(b"x").digest()
    key = ec.generate_private_key(ec.SECP256R1())
    signature = key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    ecdsa = algorithms.SIGN_ALGORITHMS["ECDSA-SHA256"]
    ecdsa.verify(key.public_key(), signature, digest)
    with pytest.raises(LinkIdError):
        ecdsa.verify(key.public_key(), signature, hashlib.sha256(b"y").digest())
    with pytest.raises(LinkIdError):
        algorithms.SIGN_ALGORITHMS["RSA-PSS-SHA256"].verify(key.public_key(), signature, digest)
