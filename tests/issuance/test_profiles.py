"""What certificates say, and in which alphabet; what orders may say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import BadInput
from issuance.ac.domain.authority import Authority, issuing_certificate, root_certificate
from issuance.ac.domain.certificate import (
    BadCertificateMade,
    BadRequest,
    Validity,
    check_made,
    checked_key,
    holder_certificate,
    new_serial,
    profile_certificate,
    spki_of,
    validity,
)
from issuance.ac.service.emission import make_decoy
from issuance.domain import documents_br
from issuance.domain.certificate_text import BadCertificateText, field_text, folded, shortened
from issuance.domain.masks import masked_phone
from issuance.domain.order import BadOrder, check_order, facts
from issuance.domain.profile import E_CNPJ_A3, E_CPF_A3, PROFILES
from issuance.domain.term import CURRENT, TERMS
from protocol.algorithms import KEY_ALGORITHMS, KEY_KINDS
from protocol.orders import IssueOrder, open_order, sign_order
from tests.issuance.linting import WIDTHS, certificate_findings, icp_findings, other_names
from tests.issuance.people import CPF, new_p256, public_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def order(**changes: Any) -> IssueOrder:
    person = {
        "name": "Maria da Conceição D'Ávila",
        "cpf": CPF,
        "birth": "31121979",
        "email": "maria@example.com",
        "phone": "+5531999998888",
        **changes.pop("person", {}),
    }
    payload = {
        "v": 1,
        "type": "issue",
        "id": "ord_" + "0" * 26,
        "created": int(NOW.timestamp()),
        "protocol": "1000556194",
        "profile": "e-cpf-a3",
        "key_algorithm": "RSA-2048",
        "person": person,
        "company": None,
        "valid_days": 1095,
        "install": {"salt": "A" * 22, "argon2": {"m": 19456, "t": 2, "p": 1}, "verifier": "x"},
        **changes,
    }
    key = new_p256()
    parsed, _ = open_order(sign_order(payload, key), {public_of(key).jkt: public_of(key)})
    assert isinstance(parsed, IssueOrder)
    return parsed


class Papers:
    """A root and an issuing authority with software keys."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
        root = root_certificate(self.authority, self.keys[0].public_key(), serial=1 << 100, now=NOW)
        self.root = root.sign(self.keys[0], hashes.SHA512())
        issuing = issuing_certificate(self.authority, self.keys[1].public_key(), self.root, serial=1 << 101, now=NOW)
        self.issuing = issuing.sign(self.keys[0], hashes.SHA512())

    def holder(self, wanted: IssueOrder, key: Any) -> x509.Certificate:
        span = validity(wanted, self.issuing, NOW)
        builder = holder_certificate(wanted, key, self.issuing, self.authority, serial=1 << 126, span=span)
        return builder.sign(self.keys[1], hashes.SHA256())


@pytest.fixture(scope="module")
def papers() -> Papers:
    return Papers()


# --- CPF and CNPJ ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["52998224725", "529.982.247-25", " 529 982 247 25 "])
def test_a_cpf_in_every_spelling(text: str) -> None:
    """Points, hyphen and spaces are no part of it."""
    assert documents_br.cpf(text) == "52998224725"
    assert documents_br.format_cpf("52998224725") == "529.982.247-25"


@pytest.mark.parametrize(
    "text", ["", "5299822472", "529982247255", "52998224724", "11111111111", "00000000000", "５2998224725", "1" * 10**5]
)
def test_no_cpf(text: str) -> None:
    """Wrong length, wrong digits, eleven equal digits, digits of other scripts, floods."""
    with pytest.raises(documents_br.BadCpf):
        documents_br.cpf(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("12ABC34501DE35", "12ABC34501DE35"),
        ("12.ABC.345/01DE-35", "12ABC34501DE35"),
        ("12abc34501de35", "12ABC34501DE35"),
        ("11.222.333/0001-81", "11222333000181"),
        ("A0000000000113", "A0000000000113"),
        ("1A2B3C4D000179", "1A2B3C4D000179"),
        ("ZZZZZZZZ000191", "ZZZZZZZZ000191"),
    ],
)
def test_a_cnpj_with_and_without_letters(text: str, canonical: str) -> None:
    """Letters are part of the number since 2026; case and punctuation are not."""
    assert documents_br.cnpj(text) == canonical
    assert documents_br.cnpj(documents_br.format_cnpj(canonical)) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "12ABC34501DE36", "12ABC34501DEA5", "1122233300018", "00000000000000", "12ÀBC34501DE35", "12ABC345_1DE35"],
)
def test_no_cnpj(text: str) -> None:
    """Check digits are digits and must fit; only A-Z and 0-9."""
    with pytest.raises(documents_br.BadCnpj):
        documents_br.cnpj(text)


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_never_passes(body: str, place: int, step: int) -> None:
    """Every single-digit mistake in a CPF is noticed, but for those in which modulo 11 is blind (10 counts as 0)."""
    for check in (f"{number:02}" for number in range(100)):
        try:
            good = documents_br.cpf(body + check)
        except documents_br.BadCpf:
            continue
        wrong = good[:place] + str((int(good[place]) + step) % 10) + good[place + 1 :]
        if place >= 9:
            with pytest.raises(documents_br.BadCpf):
                documents_br.cpf(wrong)


# --- the alphabet -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Maria da Conceição D’Ávila", "MARIA DA CONCEICAO D'AVILA"),
        ("  João   Güñther\tStraße ", "JOAO GUNTHER STRASSE"),
        ("Łukasz Ørsted Æsir", "LUKASZ ORSTED AESIR"),
        ("Padaria & Irmãos S/A", "PADARIA & IRMAOS S/A"),
        ("Jo\u0061\u0303o", "JOAO"),
    ],
)
def test_names_are_folded(text: str, plain: str) -> None:
    """Capitals without accents, single spaces, typed apostrophes made plain."""
    assert folded(text) == plain


@pytest.mark.parametrize(
    "text", ["Μαρία", "王小明", "Maria:123", "Maria\x00", "Maria\u202eairaM", "Maria_1", "a;b", "😀"]
)
def test_what_cannot_be_written_is_refused(text: str) -> None:
    """Other scripts, colons, control and direction characters: never dropped in silence."""
    with pytest.raises(BadCertificateText):
        folded(text)


@given(st.text(max_size=60))
def test_folding_gives_the_alphabet_or_nothing(text: str) -> None:
    """Whatever is typed, the outcome is in the alphabet, stable, or refused."""
    try:
        plain = folded(text)
    except BadCertificateText:
        return
    assert plain.isascii()
    assert plain == plain.upper().strip()
    assert folded(plain) == plain
    assert all(char.isalnum() or char == " " for char in field_text(text))


def test_a_long_name_is_cut_between_words() -> None:
    """64 characters less the CPF: the number is never cut."""
    name = "Maria Aparecida da Conceicao Albuquerque de Vasconcelos Figueiredo"
    (*_, (part, common_name)) = E_CPF_A3.subject_parts(
        {"name": name, "cpf": CPF, "authority": "AC", "registration_cnpj": "X", "identification": "Y"}
    )
    assert part == "CN"
    assert common_name == f"MARIA APARECIDA DA CONCEICAO ALBUQUERQUE DE:{CPF}"
    assert shortened("A" * 80, 52) == "A" * 52
    assert shortened("CURTO", 52) == "CURTO"


# --- profiles ---------------------------------------------------------------------------------------------------------


def test_layouts_have_the_norms_widths() -> None:
    """Each otherName is as wide as DOC-ICP-04 says, in every profile."""
    for profile in PROFILES.values():
        for other in profile.other_names:
            assert other.width in (None, sum(WIDTHS.get(other.oid, ())))


@pytest.mark.parametrize("kind", KEY_ALGORITHMS)
def test_a_holders_certificate(papers: Papers, tmp_path: Path, kind: str) -> None:
    """An e-CPF A3 without findings of pkilint or of ICP-Brasil's rules; its fields at their positions."""
    curve, bits = KEY_KINDS[kind].curve, KEY_KINDS[kind].rsa_bits
    key: Any = rsa.generate_private_key(65537, bits or 2048) if curve is None else ec.generate_private_key(curve())
    made = papers.holder(
        order(key_algorithm=kind, person={"rg": "MG1234567", "rg_issuer": "SSPMG", "nis": "12345678901"}),
        key.public_key(),
    )
    assert certificate_findings(made, tmp_path) == ""
    assert icp_findings(made) == []
    values = other_names(made)
    assert values["2.16.76.1.3.1"] == "31121979" + CPF + "12345678901" + "000000MG1234567" + "SSPMG     "
    assert values["2.16.76.1.3.5"] == "0" * 19 + " " * 22
    assert values["2.16.76.1.3.6"] == "0" * 12


def test_without_an_rg_its_issuer_is_blank(papers: Papers) -> None:
    """Numbers not known are zeros, texts not known are spaces; the width stays."""
    made = papers.holder(order(), new_p256().public_key())
    assert other_names(made)["2.16.76.1.3.1"] == "31121979" + CPF + "0" * 26 + " " * 10


def test_an_e_cnpj_with_letters_in_its_number(papers: Papers, tmp_path: Path) -> None:
    """Prepared, not offered: company, number with letters, and the person who answers for it."""
    company = {"company_name": "Padaria & Irmãos S/A", "cnpj": "12ABC34501DE35"}
    made = profile_certificate(
        E_CNPJ_A3,
        {**facts(order()), **company},
        "padaria@example.com",
        new_p256().public_key(),
        papers.issuing,
        papers.authority,
        serial=1 << 126,
        span=Validity(NOW, NOW + timedelta(days=365)),
    ).sign(papers.keys[1], hashes.SHA256())
    assert certificate_findings(made, tmp_path) == ""
    assert icp_findings(made) == []
    assert other_names(made)["2.16.76.1.3.3"] == "12ABC34501DE35"
    assert other_names(made)["2.16.76.1.3.2"] == "MARIA DA CONCEICAO D AVILA"
    assert "CN=PADARIA & IRMAOS S/A:12ABC34501DE35" in made.subject.rfc4514_string()


def test_it_never_outlives_its_issuer(papers: Papers) -> None:
    """A certificate beyond its issuer's end would be believed by nobody on its last days."""
    late = papers.issuing.not_valid_after_utc - timedelta(days=10)
    span = validity(order(), papers.issuing, late)
    assert span.end == papers.issuing.not_valid_after_utc


def test_serials_are_random_and_of_one_length() -> None:
    """126 random bits, positive, at most 20 octets."""
    assert new_serial(bytes) == 1 << 126
    assert new_serial(lambda n: b"\xff" * n) == (1 << 127) - 1


def test_what_the_hsm_made_is_looked_at(papers: Papers) -> None:
    """Signed by another key, or saying something else: it must not leave (I10)."""
    key = new_p256().public_key()
    made = papers.holder(order(), key)
    span = Validity(made.not_valid_before_utc, made.not_valid_after_utc)
    check_made(made, papers.issuing, serial=1 << 126, spki=spki_of(key), span=span)
    lies: list[dict[str, Any]] = [
        {"serial": 5},
        {"spki": spki_of(new_p256().public_key())},
        {"span": Validity(span.start, span.end + timedelta(days=1))},
    ]
    for lie in lies:
        with pytest.raises(BadCertificateMade):
            check_made(made, papers.issuing, **{"serial": 1 << 126, "spki": spki_of(key), "span": span, **lie})
    with pytest.raises(BadCertificateMade):
        check_made(made, papers.root, serial=1 << 126, spki=spki_of(key), span=span)


def test_weak_moduli_are_refused() -> None:
    """Small factors and the ROCA structure."""
    sound = rsa.generate_private_key(65537, 2048).public_key()
    assert checked_key(sound, "RSA-2048") is sound
    small = (1 << 2047) + 3 * ((1 << 2047) % 3 == 0)
    modulus = small - small % 3 + (3 if (small - small % 3) % 2 == 0 else 0)
    with pytest.raises(BadRequest, match="small factor"):
        checked_key(rsa.RSAPublicNumbers(65537, modulus).public_key(), "RSA-2048")
    with pytest.raises(BadRequest, match="2048"):
        checked_key(rsa.generate_private_key(65537, 1024).public_key(), "RSA-2048")
    with pytest.raises(BadRequest):
        checked_key(new_p256().public_key(), "RSA-2048")
    with pytest.raises(BadRequest):
        checked_key(ec.generate_private_key(ec.SECP384R1()).public_key(), "P-256")
    with pytest.raises(BadRequest):
        checked_key(sound, "RSA-3072")
    with pytest.raises(BadRequest):
        checked_key(new_p256().public_key(), "P-384")


def test_the_roca_structure_is_recognised() -> None:
    """A modulus that is a power of 65537 modulo the product of small primes is what the broken chips made."""
    product = 1
    for prime in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
                  107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167):  # fmt: skip
        product *= prime
    residue = pow(65537, 12345, product)
    modulus = ((1 << 2047) // product + 1) * product + residue
    modulus += product if modulus % 2 == 0 else 0
    with pytest.raises(BadRequest, match="ROCA"):
        checked_key(rsa.RSAPublicNumbers(65537, modulus).public_key(), "RSA-2048")


# --- orders, term, masks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": "e-cnpj-a3"},
        {"profile": "e-cpf-a1"},
        {"company": {"name": "X Y", "cnpj": "12ABC34501DE35"}},
        {"install": {"salt": "A" * 22, "argon2": {"m": 262144, "t": 2, "p": 1}, "verifier": "x"}},
        {"created": int(NOW.timestamp()) - 31 * 86400},
        {"created": int(NOW.timestamp()) + 600},
        {"person": {"cpf": "52998224724"}},
        {"person": {"birth": "30021979"}},
        {"person": {"birth": "24112026"}},
        {"person": {"birth": "01011799"}},
        {"person": {"email": "maria@"}},
        {"person": {"email": "maría@example.com"}},
        {"person": {"email": "maria..d@example.com"}},
        {"person": {"email": "maria@example.com\n"}},
        {"person": {"name": "Μαρία"}},
        {"person": {"name": "´"}},
        {"person": {"nis": "123"}},
        {"person": {"rg": "12345"}},
        {"person": {"rg": "12.345", "rg_issuer": "SSPMG"}},
        {"person": {"rg": "12345", "rg_issuer": "ßßßßßßßß"}},
    ],
    ids=str,
)
def test_orders_that_break_a_rule(changes: dict[str, Any]) -> None:
    """Each is refused before any holder types anything, and the refusal repeats no personal value."""
    with pytest.raises(BadInput) as caught:
        check_order(order(**changes), NOW)
    assert "maria" not in str(caught.value).lower()
    assert CPF not in str(caught.value)


def test_an_order_that_keeps_the_rules() -> None:
    """The one the others differ from."""
    check_order(order(), NOW)
    check_order(order(person={"rg": "12345", "rg_issuer": "SSPMG", "nis": "12345678901"}), NOW)


def test_the_decoy_opens_like_an_order() -> None:
    """What is opened in place of an order that does not exist is read and verified to its end."""
    stored, keys = make_decoy(NOW)
    opened, _ = open_order(stored.jws, keys)
    assert isinstance(opened, IssueOrder)
    with pytest.raises((BadOrder, BadInput)):
        check_order(opened, NOW)


def test_the_term() -> None:
    """Complete, versioned, and unchanged: who edits a shown term must give it a new version."""
    assert CURRENT.version == "2026-11"
    assert TERMS["2026-11"].hash == "okx-0eSXJnlpFzVUnN1mHF5YH4J9AHiRsOqvgNaCZJE"
    text = " ".join(CURRENT.paragraphs)
    for word in ("senha de uso", "revogação", "LGPD", "Medida Provisória", "Concordar com o termo"):
        assert word in text


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+5531999998888", "+55 31 *****-8888"),
        ("+553133276670", "+55 31 ****-6670"),
        ("+351912345678", "+35 ******5678"),
    ],
)
def test_masked_numbers(number: str, masked: str) -> None:
    """Enough to recognise one's own."""
    assert masked_phone(number) == masked
