"""The dialect's pure rules: numbers, hashes, lives, seals, and the table of an authorization."""

from __future__ import annotations

import base64
import hashlib
import json
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from foundation.machine import Impossible
from hsm_service.credentials.domain.identification import (
    Identification,
    IdentificationKind,
    identification_of,
    read_identification,
)
from hsm_service.credentials.errors import BadIdentification, UnreadableCertificate
from hsm_service.psc.domain.authorization import AUTHORIZATION, Event, Step
from hsm_service.psc.domain.hashes import HASH_OIDS, read_digest
from hsm_service.psc.domain.reading import MAX_BODY, body_limit, read_object, read_signature
from hsm_service.psc.domain.scopes import Scope, ceilings, life
from hsm_service.psc.domain.sealing import SealBroken, code_secret, seal, unseal
from hsm_service.psc.domain.vendors import VENDORS, as_configured
from hsm_service.psc.errors import BadPscRequest, UserDenied
from hsm_service.psc.problems import by_prefix, redirect_parameters
from hsm_service.signing.errors import RequestRefused
from protocol.algorithms import HASH_BYTES, HashName
from tests.support.signing_world import NOW, new_credential

CPF, CNPJ = IdentificationKind.CPF, IdentificationKind.CNPJ
DAY = 86400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("52998224725", Identification(CPF, "52998224725")),
        ("529.982.247-25", Identification(CPF, "52998224725")),
        ("12ABC34501DE35", Identification(CNPJ, "12ABC34501DE35")),
        ("12.abc.345/01de-35", Identification(CNPJ, "12ABC34501DE35")),
        ("11222333000181", Identification(CNPJ, "11222333000181")),
        ("A0000000000113", Identification(CNPJ, "A0000000000113")),
        ("1A2B3C4D000179", Identification(CNPJ, "1A2B3C4D000179")),
        ("ZZZZZZZZ000191", Identification(CNPJ, "ZZZZZZZZ000191")),
    ],
)
def test_numbers_have_one_spelling(text: str, expected: Identification) -> None:
    """With or without punctuation, in either case; a CNPJ keeps its letters."""
    assert read_identification(text) == expected
    assert expected.number not in repr(expected)


@pytest.mark.parametrize(
    "text",
    [None, 7, "", "52998224726", "11111111111", "00000000000000", "12ABC34501DE36", "12ABC34501DEAA",
     "５２９９８２２４７２５", "529.982.247-25\n", "x" * 40, ["52998224725"]],
)  # fmt: skip
def test_what_is_no_number(text: object) -> None:
    """Refused, and not repeated."""
    with pytest.raises(BadIdentification) as refused:
        read_identification(text)
    assert refused.value.detail is None


@pytest.mark.parametrize("number", ["52998224725", "12ABC34501DE35"])
def test_certificates_say_whose_they_are(number: str) -> None:
    """In the otherName of DOC-ICP-04, at its positions."""
    made, _ = new_credential("P-256", "MARIA", now=NOW, number=number)
    found = identification_of(made.chain[0])
    assert found is not None
    assert found.number == number


def test_certificates_without_a_number() -> None:
    """None, also when the common name ends in digits that are nobody's; and what is no certificate is an error."""
    made, _ = new_credential("P-256", "MARIA", now=NOW)
    assert identification_of(made.chain[0]) is None
    named, _ = new_credential("P-256", "MARIA:52998224725", now=NOW)
    assert identification_of(named.chain[0]) is None  # its CN goes on after the number
    with pytest.raises(UnreadableCertificate):
        identification_of(b"x")


@pytest.mark.parametrize("name", list(HASH_BYTES))
def test_a_hash_in_either_spelling(name: HashName) -> None:
    """base64 as the norm shows, hexadecimal as BirdID does, and what clients make of base64."""
    digest = hashlib.new(name.replace("-", ""), b"x").digest()
    plain = base64.b64encode(digest).decode()
    for text in (
        plain,
        plain.rstrip("="),
        base64.urlsafe_b64encode(digest).decode(),
        digest.hex(),
        digest.hex().upper(),
    ):
        assert read_digest(text, name) == digest
    assert name in HASH_OIDS.values()


@given(
    st.sampled_from((20, 31, 32, 33, 48, 64)).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    st.sampled_from(list(HASH_BYTES)),
)
def test_the_algorithm_decides_the_spelling(data: bytes, name: HashName) -> None:
    """Whatever bytes in either spelling: those bytes when they are as long as the algorithm's, an error otherwise."""
    plain = base64.b64encode(data).decode()
    assume(any(char not in string.hexdigits for char in plain))  # once in 10^20, of real digests
    for text in (plain, data.hex()):
        try:
            assert read_digest(text, name) == data
        except BadPscRequest:
            assert len(data) != HASH_BYTES[name]


@pytest.mark.parametrize("sizes", [(1024,), (512, 512), (1025,), (1024, 1), (0,)])
def test_pdfs_of_one_call_have_a_limit_together(sizes: tuple[int, ...]) -> None:
    """Counted as bytes, not as base64; and the body's own limit lets that many through."""
    hashes = [
        {
            "id": str(number),
            "hash_algorithm": next(iter(HASH_OIDS)),
            "signature_format": "PAdES_AD_RB",
            "base64_content": base64.b64encode(bytes(size)).decode(),
        }
        for number, size in enumerate(sizes)
    ]
    body = {"hashes": hashes}
    assert len(json.dumps(body)) < body_limit(sum(sizes))
    if 0 < sum(sizes) <= 1024:
        assert [len(one.pdf or b"") for one in read_signature(body, 100, 1024).hashes] == list(sizes)
    else:
        with pytest.raises(BadPscRequest):
            read_signature(body, 100, 1024)


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1,", b'"",'])
def test_a_long_body_has_few_members(piece: bytes) -> None:
    """A body of the size of PDFs may not be made of a million little things: whoever reads it reads nothing else."""
    body = b'{"hashes":[' + piece * (MAX_BODY // len(piece)) + b"0]}"
    with pytest.raises(BadPscRequest, match="too many members"):
        read_object(body, 2 * MAX_BODY)
    long = json.dumps({"base64_content": "A" * MAX_BODY, "hashes": [{}] * 100}).encode()
    assert len(list(read_object(long, 2 * MAX_BODY))) == 2


@pytest.mark.parametrize(
    ("scope", "asked", "kind", "seconds"),
    [
        (Scope.SINGLE, None, CPF, 300),
        (Scope.MULTI, 60, CPF, 60),
        (Scope.SINGLE, 10**9, CPF, 7 * DAY),
        (Scope.AUTHENTICATION, None, CPF, 43200),
        (Scope.AUTHENTICATION, 10**9, CPF, 7 * DAY),
        (Scope.AUTHENTICATION, 10**9, CNPJ, 30 * DAY),
        (Scope.SESSION, None, CPF, 43200),
        (Scope.SESSION, 10**9, CPF, 7 * DAY),
        (Scope.SESSION, 10**9, CNPJ, 7 * DAY),
        (Scope.SESSION, 1, CPF, 60),
    ],
)
def test_lives_are_clamped(scope: Scope, asked: int | None, kind: IdentificationKind, seconds: int) -> None:
    """The norm's ceilings, the SAM's for sessions, and what people asked for in between."""
    assert life(scope, asked, ceilings()[kind]).total_seconds() == seconds
    operators = ceilings(person_days=1, company_days=2)[kind]
    assert life(scope, asked, operators).total_seconds() == min(seconds, operators.total_seconds())


@pytest.mark.parametrize("word", ["user_denied", "access_denied"])
def test_a_refusal_is_the_operators_word(word: str) -> None:
    """In every variant, in a body and in a redirect; nothing else changes by it."""
    for prefix, spoken in by_prefix(word).items():
        usual = by_prefix()[prefix]
        assert {one for one in spoken.entries if spoken.lookup(one) != usual.lookup(one)} <= {
            UserDenied,
            RequestRefused,
        }
        assert spoken.lookup(UserDenied) == spoken.lookup(RequestRefused) == (400, word)
    for vendor in VENDORS.values():
        assert redirect_parameters(as_configured(vendor, word), UserDenied())["error"] == word
        assert redirect_parameters(as_configured(vendor, None), UserDenied())["error"] == "user_denied"


def test_a_seal_opens_for_its_secret_in_its_row() -> None:
    """And for nothing else."""
    sealed = seal("secret", "pst_1", "hdl_x", bytes)
    assert unseal("secret", "pst_1", sealed) == "hdl_x"
    assert b"hdl_x" not in sealed
    for secret, name, data in (
        ("other", "pst_1", sealed),
        ("secret", "pst_2", sealed),
        ("secret", "pst_1", sealed[:-1]),
        ("secret", "pst_1", bytes([sealed[0] ^ 1]) + sealed[1:]),
        ("secret", "pst_1", b""),
    ):
        with pytest.raises(SealBroken):
            unseal(secret, name, data)
    assert code_secret("a") == code_secret("a") != code_secret("b")


def test_an_authorization_ends_once() -> None:
    """A code is given once and used once; what was denied or spent stays so."""
    assert [step for step in Step if AUTHORIZATION.is_final(step)] == [Step.SPENT, Step.DENIED]
    for event in Event:
        for step in (Step.SPENT, Step.DENIED):
            with pytest.raises(Impossible):
                AUTHORIZATION.after(step, event)
    assert AUTHORIZATION.after(Step.GRANTED, Event.REDEEMED) is Step.SPENT
