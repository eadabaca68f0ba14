"""What a phone believes: a table of lies about one honest statement."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import rfc8785
from joserfc.jwk import ECKey

from sandbox_phone.domain.decision import decide, message
from sandbox_phone.domain.keys import new_key, public_jwk, read_jwk, thumbprint, verify
from sandbox_phone.domain.statement import Statement, open_statement
from sandbox_phone.domain.trust import Trust, read_trust
from sandbox_phone.errors import BadPassword, Expired, Malformed, PhoneError, Untrusted, WeakParameters
from tests.sandbox_phone.roots import Roots, b64u, decision_message, jkt, public, unb64u

NOW = 1_790_000_000
KEY = new_key()
OWN = thumbprint(public_jwk(KEY))
ROOTS = Roots()
TRUST = read_trust(ROOTS.trust())


def sign_document(**members: Any) -> dict[str, Any]:
    return ROOTS.document("sign", now=NOW, credential="cred_1", **members)


def opened(token: object, *expected: str, now: int = NOW, trust: Trust = TRUST, id: str | None = None) -> Statement:
    return open_statement(trust, token, expected=expected or ("sign", "test"), own_key=OWN, now=now, id=id)


def test_an_honest_statement_opens() -> None:
    """The document's very bytes come out, with what the password needs."""
    document = sign_document(documents=[])

    statement = opened(ROOTS.statement(document, ROOTS.proof("sign")), id=document["id"])

    assert statement.document == rfc8785.dumps(document)
    assert statement.proof is not None
    assert (statement.proof.salt, statement.proof.argon2.m) == (ROOTS.salt, 19456)


def bit_flipped(token: str, part: int) -> str:
    parts = token.split(".")
    data = bytearray(unb64u(parts[part]))
    data[len(data) // 2] ^= 1
    parts[part] = b64u(bytes(data))
    return ".".join(parts)


PROOF = ROOTS.proof("sign")
HONEST = ROOTS.statement(sign_document(), PROOF)
STRANGER = ECKey.generate_key("P-256")


def payload(**members: Any) -> dict[str, Any]:
    document = b64u(rfc8785.dumps(sign_document()))
    return {"v": 1, "type": "statement", "document": document, "expires": NOW + 9, "proof": PROOF} | members


LIES: Mapping[str, tuple[object, type[PhoneError]]] = {
    "nothing": (None, Malformed),
    "a number": (7, Malformed),
    "two parts": ("a.b", Malformed),
    "payload flipped": (bit_flipped(HONEST, 1), Untrusted),
    "signature flipped": (bit_flipped(HONEST, 2), Untrusted),
    "no signature": (HONEST.rpartition(".")[0] + ".", Malformed),
    "a stranger's key": (ROOTS.statement(sign_document(), PROOF, by=STRANGER), Untrusted),
    "a stranger under our name": (ROOTS.sign(payload(), by=STRANGER, kid=jkt(ROOTS.sam)), Untrusted),
    "signed by the AC": (ROOTS.statement(sign_document(), PROOF, by=ROOTS.ac), Untrusted),
    "no kid": (ROOTS.sign(payload(), kid=None), Untrusted),
    "key in the header": (ROOTS.sign(payload(), jwk=public(ROOTS.sam)), Untrusted),
    "typ of a possession": (ROOTS.sign(payload(), typ="linkid+possession"), Untrusted),
    "payload of another type": (ROOTS.sign(payload(type="possession"), typ="linkid+statement"), Untrusted),
    "version 2": (ROOTS.sign(payload(v=2)), Untrusted),
    "version true": (ROOTS.sign(payload(v=True)), Untrusted),
    "statement expired": (ROOTS.sign(payload(expires=NOW)), Expired),
    "no expiry": (ROOTS.sign(payload(expires=None)), Expired),
    "document expired": (ROOTS.statement(sign_document(expires=NOW - 1), PROOF, expires=NOW + 60), Expired),
    "outlives its document": (ROOTS.statement(sign_document(), PROOF, expires=NOW + 181), Untrusted),
    "document padded": (ROOTS.sign(payload(document=payload()["document"] + "=")), Malformed),
    "document not JSON": (ROOTS.sign(payload(document=b64u(b"{"))), Malformed),
    "document says a key twice": (ROOTS.sign(payload(document=b64u(b'{"type":"sign","type":"test"}'))), Malformed),
    "document of an unexpected type": (ROOTS.statement(ROOTS.document("pair", now=NOW), PROOF), Untrusted),
    "document of an unknown type": (ROOTS.statement(ROOTS.document("gift", now=NOW), PROOF), Untrusted),
    "id of another prefix": (ROOTS.statement(sign_document(id="doc_1"), PROOF), Untrusted),
    "short nonce": (ROOTS.statement(sign_document(nonce="AAAA"), PROOF), Malformed),
    "no proof where one belongs": (ROOTS.statement(sign_document(), None), Untrusted),
    "proof for another purpose": (ROOTS.statement(sign_document(), ROOTS.proof("pair")), Untrusted),
    "password asked for a test": (
        ROOTS.statement(ROOTS.document("test", now=NOW, device_key=OWN), ROOTS.proof("sign")),
        Untrusted,
    ),
    "another phone's test": (ROOTS.statement(ROOTS.document("test", now=NOW, device_key="x")), Untrusted),
    "transport key off the curve": (
        ROOTS.statement(
            sign_document(), ROOTS.proof("sign", transport_key=public(ROOTS.sam_transport) | {"x": b64u(b"\1" * 32)})
        ),
        Malformed,
    ),
    "transport key with private half": (
        ROOTS.statement(sign_document(), ROOTS.proof("sign", transport_key=ROOTS.sam_transport.as_dict(private=True))),
        Malformed,
    ),
    "salt too short": (ROOTS.statement(sign_document(), ROOTS.proof("sign", salt=b64u(b"salt"))), Malformed),
    "Argon2 missing": (ROOTS.statement(sign_document(), ROOTS.proof("sign", argon2=None)), WeakParameters),
} | {
    f"Argon2 {member}={value}": (
        ROOTS.statement(sign_document(), ROOTS.proof("sign", argon2=ROOTS.argon2 | {member: value})),
        WeakParameters,
    )
    for member, value in [("m", 19455), ("m", 262145), ("t", 1), ("t", 11), ("p", 0), ("p", 5), ("m", True), ("x", 1)]
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(lie: str) -> None:
    """Whatever differs from an honest statement in one point opens nothing."""
    token, error = LIES[lie]

    with pytest.raises(error):
        opened(token)


def test_another_document_than_asked_for_is_refused() -> None:
    """A gateway that answers an honest statement of another document is caught."""
    with pytest.raises(Untrusted):
        opened(HONEST, id="req_other")


def test_the_decision_signs_the_bytes_the_answer_and_the_proof() -> None:
    """The signed message is section 3's, for yes and for no."""
    statement = opened(HONEST)
    public_key = read_jwk(public_jwk(KEY))

    yes = decide(KEY, statement, "approve", password="abc12345")
    no = decide(KEY, statement, "refuse:wrong-content")

    for body in (yes, no):
        expected = decision_message(statement.document, body["decision"], body["proof"])
        assert message(statement.document, body["decision"], body["proof"]) == expected
        verify(public_key, expected, unb64u(body["signature"]))
    assert no["proof"] is None


def test_approval_without_the_password_is_impossible() -> None:
    """A statement that wants the password gets no approval without it."""
    with pytest.raises(Untrusted):
        decide(KEY, opened(HONEST), "approve")


@pytest.mark.parametrize("password", ["", "abc1234", "a" * 16, "senhaé12", "abc 1234", "abc12345\n"])
def test_passwords_of_wrong_form(password: str) -> None:
    """8 to 15 ASCII letters and digits, nothing else."""
    with pytest.raises(BadPassword):
        decide(KEY, opened(HONEST), "approve", password=password)


def test_trust_without_roots_is_none() -> None:
    """A trust.json that names no key cannot be used as if everybody were trusted."""
    content = json.loads(ROOTS.trust())
    for broken in (
        content | {"sam": []},
        content | {"v": 2},
        content | {"gateway": 1},
        content | {"ac": [{"kty": "EC"}]},
    ):
        with pytest.raises((Untrusted, Malformed)):
            read_trust(json.dumps(broken).encode())
