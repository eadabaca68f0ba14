"""The rules without input or output."""

import hashlib
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from desktop_agent.domain.ask import message as ask_message
from desktop_agent.domain.ask import session_message, signed_session, signed_use, use_message
from desktop_agent.domain.certificate import read_chain
from desktop_agent.domain.encoding import b64u, strict_object, unb64u
from desktop_agent.domain.link import NEXT, LinkState, read_computer, read_link
from desktop_agent.domain.request import MAX_LABEL, AskedSession, Document, Terms, clean_label, confirm_session
from desktop_agent.domain.session import TABLE, Event, Impossible, Session, advance
from desktop_agent.domain.trust import is_safe, open_statement, read_key, read_trust
from desktop_agent.errors import INTERRUPTED, AgentError, ServiceRefused, UntrustedServer, every_family
from desktop_agent.ui import qr
from desktop_agent.words import epilog
from tests.agent.pki import Authority, Holder
from tests.sandbox_phone.roots import Roots

VECTORS = Path(__file__).parent.parent / "vectors"


def vectors(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return content


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("session", "event"), list(product(Session, Event)))
def test_sessions_follow_the_table(session: Session, event: Event) -> None:
    """What the table does not name is impossible."""
    if (session, event) in TABLE:
        assert advance(session, event) is TABLE[session, event]
    else:
        with pytest.raises(Impossible):
            advance(session, event)


def test_every_session_can_be_reached_and_left() -> None:
    """No state is a trap, none is out of reach."""
    assert set(TABLE.values()) == set(Session)
    assert {session for session, _ in TABLE} == set(Session)


@pytest.mark.parametrize(("before", "after"), list(product(LinkState, LinkState)))
def test_links_go_forward_only(before: LinkState, after: LinkState) -> None:
    """A ceremony that goes backwards is a lie."""
    answer = {"state": after.value}
    if after in NEXT[before]:
        assert read_link(answer, app="https://a", before=before).state is after
    else:
        with pytest.raises(UntrustedServer):
            read_link(answer, app="https://a", before=before)


def test_a_claimed_link_shows_no_code_even_if_it_is_sent() -> None:
    """Frame and code vanish with the first scan, whatever the service still sends."""
    answer = {"state": "claimed", "frame": "https://a/l#1.x", "code": "7KQ2M-9XA4T"}

    link = read_link(answer, app="https://a", before=LinkState.WAITING)

    assert (link.frame, link.code) == (None, None)


@pytest.mark.parametrize(("said", "shown"), [(120, 120), (10**9, 300), (-5, 0), ("x", 300), (True, 300), (None, 300)])
def test_time_left_is_bounded(said: object, shown: int) -> None:
    """A link lives five minutes, whatever the service says."""
    answer = {"state": "waiting", "expires_in": said}

    assert read_link(answer, app="https://a", before=LinkState.WAITING).seconds_left == shown


def test_nicknames_are_printable() -> None:
    """A phone's name cannot move the cursor."""
    link = read_link({"state": "claimed", "phone": "\x1b[2JMaria\n" + "x" * 99}, app="a", before=LinkState.CLAIMED)

    assert link.phone is not None
    assert link.phone.startswith("[2JMaria")
    assert len(link.phone) == 60


@pytest.mark.parametrize("value", [None, 7, "", "cmp_", "cmp_" + "A" * 26, "dev_" + "a" * 26, "cmp_" + "a" * 26 + "\n"])
def test_computer_ids(value: object) -> None:
    """Only an id of ours becomes part of an address."""
    with pytest.raises(UntrustedServer):
        read_computer({"computer": value})


# --- trust ------------------------------------------------------------------------------------------------------------

ROOTS = Roots("https://app.example", "https://gw.example")
NOW = 1_790_000_000


def test_fingerprints_tell_roots_apart() -> None:
    """Same roots and places, same fingerprint, however the file is written; anything else, another."""
    content = json.loads(ROOTS.trust())
    same = json.dumps(content, indent=4, sort_keys=True).encode()
    others = [
        content | {"sam": [*content["sam"], content["ac"][0]]},
        content | {"sam": content["ac"]},
        content | {"ac": content["sam"]},
        content | {"app": "https://other.example"},
        content | {"gateway": "https://other.example"},
        content | {"environment": "production"},
    ]

    fingerprint = read_trust(ROOTS.trust()).fingerprint

    assert read_trust(same).fingerprint == fingerprint
    assert len(fingerprint.replace(" ", "")) == 32
    assert fingerprint not in {read_trust(json.dumps(other).encode()).fingerprint for other in others}


BROKEN_TRUST: dict[str, dict[str, Any]] = {
    "version": {"v": 2},
    "version true": {"v": True},
    "no roots": {"sam": []},
    "roots missing": {"ac": None},
    "gateway in the clear": {"gateway": "http://gw.example"},
    "app in the clear": {"app": "http://app.example"},
    "gateway a number": {"gateway": 7},
    "environment empty": {"environment": ""},
    "root with private half": {"sam": [ROOTS.sam.as_dict(private=True)]},
    "root off the curve": {"sam": [{"kty": "EC", "crv": "P-256", "x": b64u(b"\1" * 32), "y": b64u(b"\2" * 32)}]},
    "root of another curve": {"sam": [{"kty": "EC", "crv": "P-384", "x": "", "y": ""}]},
    "root a string": {"sam": ["x"]},
}


@pytest.mark.parametrize("kind", BROKEN_TRUST)
def test_broken_trust_is_refused(kind: str) -> None:
    """A trust.json that is not entirely right pins nothing."""
    content = json.loads(ROOTS.trust()) | BROKEN_TRUST[kind]

    with pytest.raises(UntrustedServer):
        read_trust(json.dumps(content).encode())


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b'{"v":1,"v":1}', b'{"v":NaN}', b"\xff{}", b"[" * 100_000, b" " * 300_000]
)
def test_json_that_parsers_disagree_about(text: bytes) -> None:
    """Strict, bounded, and only objects."""
    with pytest.raises(UntrustedServer):
        strict_object(text)


@pytest.mark.parametrize("text", ["=", "AA==", "A", "AB", "A A", "AÁ", "+/", 7, None, "AA\n"])
def test_base64_that_is_not_strict(text: object) -> None:
    """One spelling for each value."""
    with pytest.raises(UntrustedServer):
        unb64u(text)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example", True),
        ("https://a.example:8443/x", True),
        ("http://localhost:8440", True),
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://10.0.0.1", False),
        ("https://u:p@a.example", False),
        ("https://a.example?x", False),
        ("https://a.example#x", False),
        ("https://", False),
        ("javascript:alert(1)", False),
        ("https://[", False),
    ],
)
def test_safe_addresses(url: str, safe: bool) -> None:
    """HTTPS, or this very machine."""
    assert is_safe(url) is safe


def vector_trust() -> bytes:
    keys = vectors("keys")["keys"]
    return json.dumps(
        {
            "v": 1,
            "environment": "vectors",
            "gateway": "https://gw.example",
            "app": "https://app.example",
            "sam": [keys["sam-root"]["public"]],
            "ac": [keys["ac-root"]["public"]],
        }
    ).encode()


@pytest.mark.parametrize("case", vectors("statement")["good"], ids=lambda case: case["document"]["type"])
def test_shared_good_statements(case: dict[str, Any]) -> None:
    """What server and phone call genuine is genuine here."""
    kind = case["document"]["type"]

    document = open_statement(read_trust(vector_trust()), case["jws"], kind=kind, now=vectors("statement")["now"])

    assert document == case["document"]


ONLY_FOR_PHONES = ("argon2 below the floor", "argon2 above the ceiling")


@pytest.mark.parametrize("case", vectors("statement")["bad"], ids=lambda case: case["why"])
def test_shared_bad_statements(case: dict[str, str]) -> None:
    """What they refuse is refused, except what concerns the password: none is typed here."""
    trust, now = read_trust(vector_trust()), vectors("statement")["now"]
    if case["why"] in ONLY_FOR_PHONES:
        open_statement(trust, case["jws"], kind="sign", now=now)
        return
    with pytest.raises(AgentError):
        open_statement(trust, case["jws"], kind="sign", now=now)


@pytest.mark.parametrize("name", vectors("keys")["keys"])
def test_shared_thumbprints(name: str) -> None:
    """A key has the same name everywhere."""
    case = vectors("keys")["keys"][name]

    assert read_key(case["public"]).thumbprint() == case["jkt"]


# --- labels, certificates, words --------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_labels_are_clean_and_stay_so(name: str) -> None:
    """One line, nothing invisible, at most 120 characters; cleaning again changes nothing."""
    label = clean_label(name)

    assert 1 <= len(label) <= MAX_LABEL
    assert clean_label(label) == label
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in label)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("contrato.pdf", "contrato.pdf"),
        ("  a \n b.pdf ", "a b.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("a\u200bb", "ab"),
        ("", "documento"),
        ("\u202e\u0007", "documento"),
    ],
)
def test_labels(name: str, label: str) -> None:
    """Names that try to look like others lose what they try it with."""
    assert clean_label(name) == label


def test_long_labels_keep_their_end() -> None:
    """The end of a file name says what kind of file it is."""
    label = clean_label("x" * 300 + "-versao-final.pdf")

    assert len(label) == MAX_LABEL
    assert label.endswith("-versao-final.pdf")


def test_certificates_outside_their_dates() -> None:
    """Too early and too late are told apart."""
    certificate = read_chain(Holder(Authority()).chain)
    now = datetime.now(UTC)

    certificate.check_dates(now)
    with pytest.raises(ServiceRefused, match="ainda não"):
        certificate.check_dates(now - timedelta(days=9))
    with pytest.raises(ServiceRefused, match="venceu"):
        certificate.check_dates(now + timedelta(days=900))
    assert certificate.holder == "MARIA DA SILVA"


def test_exit_statuses_are_distinct_and_explained() -> None:
    """Scripts can tell the families apart, and the help says what each number means."""
    families = list(every_family())
    numbers = [family.exit_status for family in families]

    assert len(set(numbers)) == len(numbers)
    assert 0 not in numbers
    assert INTERRUPTED not in numbers
    for family in families:
        assert f"{family.exit_status:<5}{family.meaning}" in epilog(Path("home"))


def test_half_blocks_draw_every_module() -> None:
    """Two rows a line; an odd last row gets a light one below it."""
    rows = [[True, False], [True, True], [False, True]]

    lines = [line.removeprefix("\x1b[30;107m").removesuffix("\x1b[0m") for line in qr.half_blocks(rows)]

    assert lines == ["█▄", " ▀"]


# --- what a computer signs when it asks -------------------------------------------------------------------------------

ASKS = json.loads((Path(__file__).parents[1] / "vectors" / "ask.json").read_text("utf-8"))


@pytest.mark.parametrize("case", ASKS["cases"])
def test_the_message_of_an_ask_is_the_contracts(case: dict[str, Any]) -> None:
    """Byte for byte what the SAM verifies: non-ASCII labels, quotes, order and the largest size included."""
    documents = [Document(one["label"], one["size"], unb64u(one["hash"])) for one in case["documents"]]
    nonce, created = unb64u(case["ask"]["nonce"]), case["ask"]["created"]
    made = ask_message(ASKS["computer"], ASKS["credential"], documents, nonce=nonce, created=created)
    assert made == unb64u(case["message"])


# --- sessions ---------------------------------------------------------------------------------------------------------

SESSION = vectors("session")


def test_shared_session_ask() -> None:
    """The bytes that this computer signs when it asks for a session are those that server and phone mean."""
    (case,) = [one for one in SESSION["asks"] if one["kind"] == "computer"]
    terms = Terms(**case["terms"])
    nonce, created = unb64u(case["ask"]["nonce"]), case["ask"]["created"]
    made = session_message(case["caller"], SESSION["credential"], terms, nonce=nonce, created=created)
    assert made == unb64u(case["message"])
    key = ECKey.import_key(SESSION["key"]["private"])
    said = signed_session(key, case["caller"], SESSION["credential"], terms, nonce=nonce, created=created)
    assert set(said) == {"nonce", "created", "signature"}
    verify_raw(key, made, said["signature"])


@pytest.mark.parametrize("case", SESSION["uses"], ids=lambda case: str(case["counter"]))
def test_shared_uses(case: dict[str, Any]) -> None:
    """And those of each use: counter and hashes in their order."""
    terms = Terms(0, 0, "", case["sign_algorithm"])
    digests = [unb64u(one) for one in case["hashes"]]
    made = use_message(case["activation"], case["counter"], terms, digests)
    assert made == unb64u(case["message"])
    key = ECKey.import_key(SESSION["key"]["private"])
    said = signed_use(key, case["activation"], case["counter"], terms, digests)
    assert said["counter"] == case["counter"]
    verify_raw(key, made, said["signature"])


SESSION_LIES: list[dict[str, Any]] = [
    {"caller": {"kind": "computer", "id": "cmp_00000000000000000000000000", "name": "x"}}, {"caller": None},
    {"credential": "cred_00000000000000000000000000"}, {"certificate": "A" * 43}, {"sign_algorithm": "RSA-PSS-SHA256"},
    {"hash_algorithm": "SHA-512"}, {"until": 1_790_028_801}, {"until": None}, {"maximum": 201}, {"maximum": True},
    {"purpose": "outra"}, {"session_key": []}, {"session_key": ["B" * 43]}, {"session_key": ["A" * 43, "B" * 43]},
    {"id": "act_x"}, {"verification_code": "\x1b[2J"}, {"expires": 4_000_000_000},
]  # fmt: skip


def test_a_session_that_is_not_ours_is_not_shown() -> None:
    """What the SAM fixed is compared member by member: caller, certificate, algorithm, end, maximum, purpose, key."""
    certificate = read_chain(Holder(Authority()).chain)
    terms = Terms(1_790_028_800, 200, "Prontuários", certificate.algorithm.name)
    asked = AskedSession("cmp_0123456789abcdefghjkmnpqrs", "cred_x", certificate, "A" * 43, terms)
    document: dict[str, Any] = {
        "id": "req_0123456789abcdefghjkmnpqrs", "caller": {"kind": "computer", "id": asked.computer, "name": "N"},
        "credential": "cred_x", "certificate": b64u(hashlib.sha256(certificate.der).digest()),
        "hash_algorithm": "SHA-256", "sign_algorithm": certificate.algorithm.name, "until": terms.until,
        "maximum": 200, "purpose": "Prontuários", "session_key": ["A" * 43], "verification_code": "27",
        "expires": 1_790_000_180,
    }  # fmt: skip
    assert confirm_session(document, asked, now=1_790_000_000).verification_code == "27"
    for lie in SESSION_LIES:
        with pytest.raises(UntrustedServer):
            confirm_session({**document, **lie}, asked, now=1_790_000_000)


def verify_raw(key: ECKey, message: bytes, signature: str) -> None:
    """r || s by the key's public half. Raises InvalidSignature."""
    raw = unb64u(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = key.public_key
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(der, message, ec.ECDSA(hashes.SHA256()))
