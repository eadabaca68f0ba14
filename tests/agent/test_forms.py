"""XML signed inside, any file signed beside itself: strangers call the result valid, hostile input leaves nothing."""

import base64
import re
import stat
from pathlib import Path

import pytest
from lxml import etree

from desktop_agent import cms_file, copies, xml_file
from desktop_agent.domain.certificate import read_chain
from desktop_agent.domain.stamp import Stamp
from desktop_agent.errors import BadCommand, UnsuitablePdf
from desktop_agent.plan import Form, form_of, free_name, plan
from desktop_agent.verify import signatures_of
from tests.agent import pdfs
from tests.agent.pki import Authority, Holder, der
from tests.documents import strangers

PLAIN = '<?xml version="1.0" encoding="UTF-8"?>\n<nota xmlns="urn:x"><valor>10 reais — ção</valor></nota>'
NAMED = '<nota Id="N-1"><valor id="v">10</valor></nota>'


@pytest.fixture(scope="module")
def elliptic(authority: Authority) -> Holder:
    return Holder(authority, "ANA SOUZA:98765432100", ecdsa=True)


def signed(source: Path, holder: Holder, *, beside: bool = False) -> Path:
    """The two halves and the publishing, the key in memory."""
    (job,) = plan([source], None, overwrite=False, beside=beside)
    half = (xml_file if job.form is Form.XML else cms_file).prepare(job.source, source.parent, read_chain(holder.chain))
    try:
        half.finish(holder.sign(half.digest))
        copies.publish(half.copy, half.source, job.output, overwrite=False)
    finally:
        half.discard()
    return job.output


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("content", [PLAIN, NAMED])
def test_xml_is_signed_inside(
    tmp_path: Path, authority: Authority, maria: Holder, elliptic: Holder, content: str
) -> None:
    """RSA and ECDSA; xmlsec1 follows it to the root; the signature is the last child, the rest as it was."""
    for holder in (maria, elliptic):
        output = signed(written(tmp_path, f"{holder.certificate.serial_number:x}.xml", content), holder)
        made = output.read_bytes()
        if content == PLAIN:  # xmlsec1 must be told which attribute of which element is an Id
            assert "OK" in strangers.xmlsec(made, authority.certificate)
        assert strangers.signxml(made, holder.certificate, None)
        (found,) = signatures_of(output)
        assert (found.good, ":" in found.signer) == (True, False)
        root = etree.fromstring(made)
        root.remove(root[-1])
        assert etree.tostring(root, method="c14n") == etree.tostring(etree.fromstring(content.encode()), method="c14n")
    assert not leftovers(tmp_path)


def test_any_file_is_signed_beside_itself(
    tmp_path: Path, authority: Authority, maria: Holder, elliptic: Holder
) -> None:
    """A text, a program, an empty file, an XML and a PDF by request; openssl follows it to the root."""
    files = {"carta.txt": b"Prezados,\n", "a b.bin": bytes(range(256)) * 4000, "vazio": b"", "nota.xml": PLAIN.encode()}
    for name, content in files.items():
        source = written(tmp_path, name, content)
        for holder, number in ((maria, ""), (elliptic, "-2")):
            output = signed(source, holder, beside=True)
            assert output.name == f"{name}{number}.p7s"
            assert "successful" in strangers.openssl_cms(output.read_bytes(), authority.certificate, content)
            (found,) = signatures_of(output)
            assert found.good
        assert source.read_bytes() == content
    pdf = pdfs.blank(tmp_path / "contrato.pdf")
    assert signed(pdf, maria, beside=True).name == "contrato.pdf.p7s"
    source = written(tmp_path, "só leitura.txt", b"x")
    source.chmod(0o440)
    assert stat.S_IMODE(signed(source, maria).stat().st_mode) == 0o640
    assert not leftovers(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not xml", b"<a>", b"<a/><b/>", b"\xff\xfe<\x00a", b"<a>\x00</a>",
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x"><a/>', b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY b "' + b"b" * 1000 + b'"><!ENTITY c "' + b"&b;" * 1000 + b'">]><a>&c;</a>',
        b"<a>" * 5000 + b"</a>" * 5000,
        b'<a Id="x"><b ID="x"/></a>', b'<a Id="x y"/>', b'<a Id="\'] | //*"/>', b'<a Id=""/>',
    ],
    ids=lambda content: content[:24].decode("latin-1"),
)  # fmt: skip
def test_xml_that_is_not_signed(tmp_path: Path, maria: Holder, content: bytes) -> None:
    """Cut, with a DTD whatever it says, too deep, an Id that is not the document's own: one sentence, nothing left."""
    source = written(tmp_path, "nota.xml", content)
    with pytest.raises(UnsuitablePdf) as refused:
        signed(source, maria)
    assert "root:" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["nota.xml"]


def test_xml_that_is_signed_already(tmp_path: Path, maria: Holder, elliptic: Holder) -> None:
    """A second signature inside would spoil the first: refused, with the way that works; and that way works."""
    output = signed(written(tmp_path, "nota.xml", PLAIN), maria)
    with pytest.raises(UnsuitablePdf) as refused:
        signed(output, elliptic)
    assert "--p7s" in refused.value.advice
    beside = signed(output, elliptic, beside=True)
    assert all(one.good for path in (output, beside) for one in signatures_of(path))


def test_what_changes_afterwards_is_noticed(tmp_path: Path, maria: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value, an element around, another certificate, a file beside: not good, or not ours to judge; never good."""
    output = signed(written(tmp_path, "nota.xml", PLAIN), maria)
    made = output.read_text()
    for wrong in (made.replace("10 reais", "99 reais"), made.replace("<valor", "<novo/><valor")):
        assert [one.good for one in signatures_of(written(tmp_path, "x.xml", wrong))] == [False]
    wrapped = re.sub(r"<\?xml[^>]*\?>", "", made)
    for elsewhere in (f"<outra>{wrapped}</outra>", made.replace("</nota>", wrapped[wrapped.index("<ds:Signature") :])):
        with pytest.raises(UnsuitablePdf):
            signatures_of(written(tmp_path, "x.xml", elsewhere))
    assert signatures_of(written(tmp_path, "sem.xml", PLAIN)) == []

    source = written(tmp_path, "carta.txt", b"Prezados,\n")
    beside = signed(source, maria)
    source.write_bytes(b"Prezadas,\n")
    assert [one.good for one in signatures_of(beside)] == [False]
    for broken in (b"", b"MIIB", b"0" * 3, beside.read_bytes()[:-40]):
        beside.write_bytes(broken)
        with pytest.raises(UnsuitablePdf):
            signatures_of(beside)
    monkeypatch.setattr(cms_file, "MOST_SIGNATURE", 10)
    beside.write_bytes(bytes(11))
    with pytest.raises(UnsuitablePdf, match="grande demais"):
        signatures_of(beside)
    source.unlink()
    for lonely in (beside, written(tmp_path, "foto.png", b"x")):
        with pytest.raises(UnsuitablePdf):
            signatures_of(lonely)


def test_a_file_that_changes_while_the_phone_is_asked(tmp_path: Path, maria: Holder) -> None:
    """What was approved is not what is there: nothing is written."""
    source = written(tmp_path, "carta.txt", b"Prezados,\n")
    half = cms_file.prepare(source, tmp_path, read_chain(maria.chain))
    source.write_bytes(b"Prezadas,\n")
    with pytest.raises(UnsuitablePdf, match="mudou"):
        half.finish(maria.sign(half.digest))
    half.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["carta.txt"]


def test_a_signature_that_is_not_of_this_key(tmp_path: Path, maria: Holder, elliptic: Holder) -> None:
    """Whatever came back, what does not verify is not published."""
    for module, name in ((xml_file, "nota.xml"), (cms_file, "carta.txt")):
        half = module.prepare(written(tmp_path, name, PLAIN), tmp_path, read_chain(maria.chain))
        with pytest.raises(UnsuitablePdf):
            half.finish(Holder(maria.authority).sign(half.digest))
        half.discard()
    assert not leftovers(tmp_path)


def test_too_large_for_xml(tmp_path: Path, maria: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told, with the way that has no limit."""
    monkeypatch.setattr(xml_file, "MOST_BYTES", 20)
    with pytest.raises(UnsuitablePdf) as refused:
        signed(written(tmp_path, "nota.xml", PLAIN), maria)
    assert "--p7s" in refused.value.advice


def test_the_plan(tmp_path: Path) -> None:
    """Form by name, PDFs of folders in order, numbers where names are taken; a stamp needs pages."""
    folder = tmp_path / "pasta"
    folder.mkdir()
    for name in ("b.PDF", "a.pdf", "c.txt"):
        written(folder, name, b"x")
    (folder / "d.pdf").mkdir()
    jobs = plan([folder, folder / "c.txt"], None, overwrite=False)
    assert [job.output.name for job in jobs] == ["a-assinado.pdf", "b-assinado.pdf", "c.txt.p7s"]
    assert form_of(Path("NOTA.XML")) is Form.XML
    written(folder, "c.txt.p7s", b"x")
    assert free_name(folder / "c.txt", Form.BESIDE).name == "c.txt-2.p7s"
    with pytest.raises(BadCommand):
        plan([tmp_path], None, overwrite=False)
    with pytest.raises(BadCommand, match="carimbo"):
        plan([folder / "c.txt"], None, overwrite=False, stamp=Stamp())


def test_certificates_stand_in_it(tmp_path: Path, maria: Holder) -> None:
    """The leaf, so that whoever gets the file needs nothing else to look."""
    made = signed(written(tmp_path, "nota.xml", PLAIN), maria).read_text()
    inside = "".join(re.findall(r"X509Certificate>([^<]+)<", made)[0].split())
    assert base64.b64decode(inside) == der(maria.certificate)
