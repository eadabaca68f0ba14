"""What signatures are worth: attackers' documents are told apart from holders', and nothing of theirs runs or stays."""

# mypy: disable-error-code="no-untyped-call"

import base64
import json
import re
import zlib
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from foundation.clock import FixedClock
from hsm_service.documents.domain.findings import PROBLEMS, SENTENCES, Finding, Problem, Reason, Report, Verdict, person
from hsm_service.documents.domain.form import Form, Format, Packaging
from hsm_service.documents.errors import BadPreparation, DocumentTooLarge
from hsm_service.documents.service.judging import judge
from hsm_service.documents.service.judging.trust import Trust
from hsm_service.documents.service.signing import MAX_DOCUMENT
from hsm_service.documents.service.verification import VerificationService
from hsm_service.documents.service.workshop import Workshop
from tests.agent import pdfs
from tests.agent.pki import Authority, Holder, der
from tests.documents.signing import NOW, finished, service
from tests.documents.test_xml import NFE
from tests.support.parsing import NURSERY

CONTENT = b"conteudo\n"
JUST_REVOCATION = (Reason.REVOCATION_UNKNOWN,)
"""All that is missing where the authority of the tests publishes no list."""


@pytest.fixture(scope="module")
def trust(authority: Authority) -> Trust:
    return Trust((der(authority.certificate),), (), (), NOW)


@pytest.fixture
async def pdf(rsa_holder: Holder, contract: bytes) -> bytes:
    return (await finished(service(), Form(Format.PADES), rsa_holder, content=contract)).content


@pytest.fixture
async def nfe(rsa_holder: Holder) -> bytes:
    return (await finished(service(), Form(Format.XADES), rsa_holder, content=NFE, element="NFe31")).content


def reasons(report: Report) -> tuple[Reason, ...]:
    assert report.problem is None, report
    (finding,) = report.findings
    return finding.reasons


async def test_who_when_and_whether(pdf: bytes, nfe: bytes, rsa_holder: Holder, trust: Trust) -> None:
    """Name, masked number, issuer and claimed time, for each kind; revocation unknown is not called valid."""
    for document, kind, covers in ((pdf, "PAdES", "all"), (nfe, "XAdES", "infNFe (NFe31)")):
        report = await judge(document, None, trust)
        (found,) = report.findings
        assert (found.signer, found.number, found.issuer) == ("MARIA DA SILVA", "***.456.789-**", "AC de Teste")
        assert (found.format, found.covers, found.claimed_at) == (kind, covers, int(NOW.timestamp()))
        assert found.reasons == JUST_REVOCATION
        assert report.verdict is Verdict.UNKNOWN
        assert "12345678909" not in json.dumps(report.as_json())
        assert Report.from_json(json.loads(json.dumps(report.as_json()))) == report


async def test_detached_and_attached_cms(rsa_holder: Holder, ec_holder: Holder, trust: Trust) -> None:
    """DER, PEM and base64; with the content inside, beside, another one, or missing."""
    detached = (await finished(service(), Form(Format.CADES), rsa_holder, content=CONTENT)).content
    text = base64.encodebytes(detached)
    for same in (detached, text, b"-----BEGIN PKCS7-----\n" + text + b"-----END PKCS7-----\n"):
        assert reasons(await judge(same, CONTENT, trust)) == JUST_REVOCATION
    assert reasons(await judge(detached, None, trust)) == (Reason.CONTENT_MISSING,)
    assert reasons(await judge(detached, b"outro", trust)) == (Reason.CHANGED,)
    form = Form(Format.CADES, packaging=Packaging.ATTACHED)
    attached = (await finished(service(), form, ec_holder, "ECDSA-SHA256", content=CONTENT)).content
    assert reasons(await judge(attached, None, trust)) == JUST_REVOCATION
    assert reasons(await judge(attached, b"outro", trust)) == JUST_REVOCATION  # what is inside counts
    assert reasons(await judge(attached.replace(CONTENT, b"CONTEUDO\n"), None, trust)) == (Reason.CHANGED,)
    beside = Form(Format.XADES, packaging=Packaging.DETACHED)
    xml = (await finished(service(), beside, rsa_holder, content=CONTENT)).content
    assert reasons(await judge(xml, CONTENT, trust)) == JUST_REVOCATION
    assert Reason.CONTENT_MISSING in reasons(await judge(xml, None, trust))
    assert Reason.CHANGED in reasons(await judge(xml, b"outro", trust))


async def test_a_stranger_an_expired_and_a_future_certificate(
    authority: Authority, rsa_holder: Holder, contract: bytes, nfe: bytes, pdf: bytes, trust: Trust
) -> None:
    """Whom we do not know is said; so is a certificate that is over, or not yet begun."""
    other = Trust((der(Authority().certificate),), (), (), NOW)
    for document in (pdf, nfe):
        assert reasons(await judge(document, None, other)) == (Reason.UNTRUSTED,)
        late = Trust(trust.roots, (), (), NOW + timedelta(days=400))
        assert reasons(await judge(document, None, late)) == (Reason.EXPIRED,)
        early = Trust(trust.roots, (), (), NOW - timedelta(days=2))
        assert reasons(await judge(document, None, early))[0] in (Reason.NOT_YET_VALID, Reason.UNTRUSTED)


# --- PDF ----------------------------------------------------------------------------------------------


async def test_what_comes_after_a_signature(pdf: bytes, ec_holder: Holder, trust: Trust, tmp_path: Path) -> None:
    """Another signature leaves the first one whole, an update of the page does not; nor does one letter."""
    second = (await finished(service(), Form(Format.PADES), ec_holder, "ECDSA-SHA256", content=pdf)).content
    report = await judge(second, None, trust)
    assert [(each.covers, each.reasons) for each in report.findings] == [
        ("earlier", JUST_REVOCATION),
        ("all", JUST_REVOCATION),
    ]
    for attack in (_page_resized, _page_added, _text_over):
        (first, *_) = (await judge(attack(pdf), None, trust)).findings
        assert Reason.CHANGED in first.reasons, attack.__name__
        assert first.verdict is Verdict.INVALID
    assert Reason.CHANGED in reasons(await judge(pdf.replace(b"595 842", b"595 843", 1), None, trust))


def _updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def _page_resized(pdf: bytes) -> bytes:
    def change(writer: IncrementalPdfFileWriter) -> None:
        page = writer.find_page_for_modification(0)[0].get_object()
        page["/MediaBox"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 100, 100)))
        writer.update_container(page)

    return _updated(pdf, change)


def _page_added(pdf: bytes) -> bytes:
    def change(writer: IncrementalPdfFileWriter) -> None:
        pages = writer.root["/Pages"]
        pages["/Count"] = generic.NumberObject(2)
        pages["/Kids"].append(pages["/Kids"].raw_get(0))
        writer.update_container(pages)

    return _updated(pdf, change)


def _text_over(pdf: bytes) -> bytes:
    def change(writer: IncrementalPdfFileWriter) -> None:
        over = writer.add_object(generic.StreamObject(stream_data=b"BT (pague o dobro) Tj ET"))
        page = writer.find_page_for_modification(0)[0].get_object()
        page["/Contents"] = generic.ArrayObject([page.raw_get("/Contents"), over])
        writer.update_container(page)

    return _updated(pdf, change)


async def test_forged_byte_ranges(pdf: bytes, trust: Trust, rsa_holder: Holder, tmp_path: Path) -> None:
    """Ranges that leave bytes out, overlap, lead outside, or are gone; a CMS of another document; none at all."""
    (found,) = re.finditer(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", pdf)
    start, length, second, rest = map(int, found.groups())
    for numbers in (
        (start, length - 40, second, rest),
        (start, length, second + 20, rest - 20),
        (start, length, second, 0),
        (0, 0, 0, 0),
        (start, length, second, 10**9),
        (-5, length, second, rest),
    ):
        ranged = b"/ByteRange [%d %d %d %d]" % numbers
        forged = pdf[: found.start()] + ranged.ljust(len(found[0]))[: len(found[0])] + pdf[found.end() :]
        report = await judge(forged, None, trust)
        assert report.verdict in (None, Verdict.INVALID), numbers
    other = pdfs.blank(tmp_path / "other.pdf", pages=2).read_bytes()
    theirs = (await finished(service(), Form(Format.PADES), rsa_holder, content=other)).content
    hole = re.compile(rb"(?<=/Contents <)[0-9A-F]{100,}(?=>)")
    cms = hole.findall(theirs)[0]
    for contents in (cms, b"0" * len(cms), b"30" + b"F" * (len(cms) - 2)):
        assert (await judge(hole.sub(contents, pdf, count=1), None, trust)).verdict in (None, Verdict.INVALID)


async def test_pdfs_made_to_break_readers(pdf: bytes, contract: bytes, tmp_path: Path, trust: Trust) -> None:
    """Cut, encrypted, without a signature, references in a ring, nesting, bombs: said in a word, quickly."""
    ring = re.sub(rb"startxref\n(\d+)", lambda found: b"startxref\n" + found[1], pdf)
    start = int(re.findall(rb"startxref\n(\d+)", pdf)[-1])
    looped = pdf[:start] + re.sub(rb"/Prev \d+", b"/Prev %d" % start, pdf[start:])
    bomb = zlib.compress(bytes(200_000_000), 9)
    stream = (
        b"%PDF-1.7\n1 0 obj\n<</Type/XRef/Size 3/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length "
        + b"%d>>stream\n" % len(bomb) + bomb + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
    )  # fmt: skip
    nested = b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000 + b"\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF"
    expected = {
        contract: Problem.UNSIGNED,
        pdfs.encrypted(tmp_path / "locked.pdf", "segredo").read_bytes(): Problem.ENCRYPTED,
        pdf[: len(pdf) // 2]: None,
        b"%PDF-1.7": Problem.UNREADABLE,
        looped: None,
        stream: Problem.UNREADABLE,
        nested: Problem.UNREADABLE,
    }
    for document, problem in expected.items():
        report = await judge(document, None, trust)
        assert report.verdict in (None, Verdict.INVALID)
        assert problem is None or report.problem is problem
    assert (await judge(ring, None, trust)).verdict is Verdict.UNKNOWN


# --- XML ----------------------------------------------------------------------------------------------


async def test_wrapped_signatures(nfe: bytes, trust: Trust) -> None:
    """The signed element elsewhere and another in its place, beside it, around it, twice its Id: never called whole."""
    signed = re.findall(rb"<infNFe.*</infNFe>", nfe, re.S)[0]
    other = signed.replace("à vista".encode(), b"fiado").replace(b'Id="NFe31"', b'Id="NFe32"')
    namespace = b' xmlns="http://www.portalfiscal.inf.br/nfe"'
    inner = signed.replace(b"<infNFe", b"<infNFe" + namespace, 1)
    attacks = {
        "moved away": nfe.replace(signed, other + b"<x>" + inner + b"</x>"),
        "beside": nfe.replace(signed, other + signed),
        "into the signature": nfe.replace(signed, other).replace(
            b"</ds:Signature>", b"<ds:Object>" + inner + b"</ds:Object></ds:Signature>"
        ),
        "around": b"<lote>" + nfe.split(b"?>", 1)[1].strip() + b"</lote>",
        "twice": nfe.replace(signed, signed + signed),
        "twice by another attribute": nfe.replace(signed, other.replace(b'Id="NFe32"', b'ID="NFe31"') + signed),
    }
    for name, document in attacks.items():
        (found,) = (await judge(document, None, trust)).findings
        assert {Reason.PARTLY_SIGNED, Reason.MALFORMED, Reason.CHANGED} & set(found.reasons), name
        assert found.verdict is not Verdict.VALID
    assert reasons(await judge(nfe, None, trust)) == JUST_REVOCATION
    assert Reason.CHANGED in reasons(await judge(nfe.replace(b"Venda", b"Venta"), None, trust))
    assert Reason.CHANGED in reasons(await judge(nfe.replace(b"SigningTime>20", b"SigningTime>21"), None, trust))


async def test_xml_made_to_break_readers(nfe: bytes, rsa_holder: Holder, trust: Trust) -> None:
    """Entities, DTDs, depth, a file of ours as reference, two signatures, SHA-1, a certificate that is none."""
    doctype = b'<!DOCTYPE NFe [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    for document in (
        nfe.replace(b"<NFe", doctype + b"<NFe", 1).replace(b"Venda", b"&x;"),
        nfe.replace(b"<NFe", b'<!DOCTYPE NFe SYSTEM "http://127.0.0.1:1/">' + b"<NFe", 1),
        b"<a>" * 50_000,
        nfe[:-20],
        b"<",
    ):
        assert (await judge(document, None, trust)).problem is Problem.UNREADABLE
    signature = re.findall(rb"<ds:Signature.*</ds:Signature>", nfe, re.S)[0]
    assert (await judge(nfe.replace(signature, signature * 2), None, trust)).problem is Problem.TOO_MANY
    assert (await judge(b"<a/>", None, trust)).problem is Problem.UNSIGNED
    fetching = nfe.replace(b'URI="#NFe31"', b'URI="file:///etc/hostname"')
    assert Reason.CONTENT_MISSING in reasons(await judge(fetching, None, trust))
    for change in (
        (rb"<ds:X509Certificate>.*?</", b"<ds:X509Certificate>AAAA</"),
        (rb"<ds:KeyInfo.*</ds:KeyInfo>", b""),
    ):
        broken = re.sub(change[0], change[1], nfe, flags=re.S)
        assert reasons(await judge(broken, None, trust)) == (Reason.MALFORMED,)

    class Sha1(XMLSigner):
        def check_deprecated_methods(self) -> None:
            """As old programs do."""

    old = Sha1(signature_algorithm=SignatureMethod.RSA_SHA1, digest_algorithm=DigestAlgorithm.SHA1)
    weak: Any = old.sign(etree.fromstring(b"<a><b/></a>"), key=rsa_holder.key, cert=[rsa_holder.certificate])
    assert Reason.WEAK in reasons(await judge(etree.tostring(weak), None, trust))


# --- CMS and the rest -----------------------------------------------------------------------------


async def test_rubbish_has_a_name(rsa_holder: Holder, trust: Trust) -> None:
    """No kind that we know, or one that is broken: an answer, never an exception."""
    signed = (await finished(service(), Form(Format.CADES), rsa_holder, content=CONTENT)).content
    leaf = rsa_holder.certificate.public_bytes(Encoding.DER)
    expected = {
        b"": Problem.UNKNOWN_KIND,
        b"ola": Problem.UNKNOWN_KIND,
        bytes(1000): Problem.UNKNOWN_KIND,
        b"PK\x03\x04" + bytes(100): Problem.UNKNOWN_KIND,
        signed[:-50]: Problem.UNREADABLE,
        leaf: Problem.UNREADABLE,
        b"\x30\x80" * 5000: Problem.UNREADABLE,
        b"\x30\x84\xff\xff\xff\xff": Problem.UNREADABLE,
    }
    for document, problem in expected.items():
        assert (await judge(document, None, trust)).problem is problem, document[:10]
    flipped = bytearray(signed)
    flipped[-20] ^= 1  # in the signature value
    assert reasons(await judge(bytes(flipped), CONTENT, trust)) == (Reason.FORGED,)


def test_every_reason_and_problem_has_its_sentence() -> None:
    """People read Portuguese; programs read codes; the worst comes first."""
    assert set(SENTENCES) == set(Reason)
    assert set(PROBLEMS) == set(Problem)


def test_a_cpf_is_never_whole() -> None:
    """Also where a certificate has it in an unusual place; directions of writing are not turned around."""
    assert person("ANA:11144477735") == ("ANA", "***.444.777-**")
    assert person("EMPRESA LTDA:12ABC34501DE35") == ("EMPRESA LTDA", "12ABC34501DE35")
    assert person("11144477735 ANA") == ("*** ANA", "")
    assert person("ANA\u202e\u0000:x") == ("ANA:x", "")


def test_what_the_process_says_is_not_believed_blindly() -> None:
    """It may have been taken over: only a report of ours passes, with printable texts of a page's length."""
    good = Report("pdf", (Finding("A", "", "B", "PAdES", 1, None, "all", ()),)).as_json()
    assert Report.from_json(good).verdict is Verdict.VALID
    signature = good["signatures"][0]
    bad: list[Any] = [None, [], {}, {**good, "problem": "x"}, {**good, "signatures": 1}, {**good, "signatures": [{}]}]
    for change in ({"signer": 1}, {"claimed_at": "x"}, {"claimed_at": 10**20}, {"reasons": ["x"]}, {"reasons": 3}):
        bad.append({**good, "signatures": [{**signature, **change}]})
    for told in bad:
        with pytest.raises(BadPreparation):
            Report.from_json(told)
    long = {**good, "signatures": [{**signature, "signer": "x" * 9999 + "\n"}]}
    assert len(Report.from_json(long).findings[0].signer) == 200


# --- the process --------------------------------------------------------------------------------------


async def test_a_document_is_judged_in_a_process_of_its_own(pdf: bytes, authority: Authority) -> None:
    """It reports what ``judge`` does; one that takes too long is killed, and its document called too costly."""
    roots = [der(authority.certificate)]
    report = await VerificationService(FixedClock(NOW), Workshop(NURSERY), roots=roots).verify(pdf)
    assert reasons(report) == JUST_REVOCATION
    slow = VerificationService(FixedClock(NOW), Workshop(NURSERY, deadline=0.0), roots=roots)
    assert (await slow.verify(pdf)).problem is Problem.TOO_COSTLY
    for data in (b"", bytes(MAX_DOCUMENT + 1)):
        with pytest.raises(DocumentTooLarge):
            await slow.verify(data, bytes(MAX_DOCUMENT + 1))
