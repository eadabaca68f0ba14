"""PDF files: what can be signed, what cannot and why, and what strangers say of the result."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm

from desktop_agent import copies, pdf
from desktop_agent.domain.certificate import Certificate, read_chain
from desktop_agent.domain.stamp import Stamp, read_stamp
from desktop_agent.errors import BadCommand, UnsuitablePdf
from desktop_agent.plan import free_name
from tests.agent import pdfs
from tests.agent.pki import Authority, Holder

AUTHORITY = Authority()
MARIA = Holder(AUTHORITY)
MARIA_EC = Holder(AUTHORITY, "MARIA EC:12345678909", ecdsa=True)
PAULO = Holder(AUTHORITY, "PAULO SOUZA:98765432100")


def certificate_of(holder: Holder) -> Certificate:
    return read_chain(holder.chain)


def sign(
    source: Path, output: Path, holder: Holder = MARIA, *, overwrite: bool = False, stamp: Stamp | None = None
) -> Path:
    """The two halves and the publishing, the key in memory."""
    prepared = pdf.prepare(source, output.parent, certificate_of(holder), reason="teste", stamp=stamp)
    try:
        prepared.finish(holder.sign(prepared.digest))
        copies.publish(prepared.copy, prepared.source, output, overwrite=overwrite)
    finally:
        prepared.discard()
    return output


def leftovers(folder: Path) -> list[str]:
    return [item.name for item in folder.iterdir() if item.name.endswith(".part")]


@pytest.mark.parametrize("holder", [MARIA, MARIA_EC], ids=["rsa", "p256"])
@pytest.mark.parametrize("streams", [True, False], ids=["xref stream", "xref table"])
def test_strangers_call_it_valid(tmp_path: Path, holder: Holder, streams: bool) -> None:
    """pyHanko and poppler agree: intact, valid, whole file, PAdES; and the original is untouched."""
    source = pdfs.blank(tmp_path / "contrato.pdf", streams=streams)
    before = source.read_bytes()

    output = sign(source, tmp_path / "assinado.pdf", holder)

    (status,) = pdfs.verdicts(output, AUTHORITY)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert status.bottom_line
    said = pdfs.pdfsig(output)
    assert "Signature is Valid" in said
    assert "ETSI.CAdES.detached" in said
    assert "Total document signed" in said
    assert source.read_bytes() == before
    assert output.read_bytes().startswith(before)
    assert leftovers(tmp_path) == []


def test_an_earlier_signature_stays_valid(tmp_path: Path) -> None:
    """Signing is an incremental update: whoever signed before is still believed."""
    source = pdfs.signed_by(pdfs.blank(tmp_path / "a.pdf"), PAULO)

    output = sign(source, tmp_path / "b.pdf")

    earlier, ours = pdfs.verdicts(output, AUTHORITY)
    assert earlier.bottom_line
    assert ours.bottom_line
    assert pdfs.pdfsig(output).count("Signature is Valid") == 2
    assert [item.good for item in pdf.check(source)] == [True]
    assert pdf.check(source)[0].signer == "PAULO SOUZA"


def test_certification_that_allows_signing_stays_valid(tmp_path: Path) -> None:
    """A certified form may be signed when its author allowed filling."""
    source = pdfs.signed_by(pdfs.blank(tmp_path / "a.pdf"), PAULO, certify=MDPPerm.FILL_FORMS)

    output = sign(source, tmp_path / "b.pdf")

    assert all(status.bottom_line for status in pdfs.verdicts(output, AUTHORITY))


def test_certification_that_forbids_changes_is_refused(tmp_path: Path) -> None:
    """An author who forbade every change is obeyed, and the person is told to ask the author."""
    source = pdfs.signed_by(pdfs.blank(tmp_path / "a.pdf"), PAULO, certify=MDPPerm.NO_CHANGES)

    with pytest.raises(UnsuitablePdf, match="proíbe qualquer alteração") as refused:
        sign(source, tmp_path / "b.pdf")

    assert "autor" in refused.value.advice
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.pdf"]


def test_a_signature_that_locks_every_field_is_not_invalidated(tmp_path: Path) -> None:
    """Whatever an earlier signature locks, either it is still valid afterwards or nothing is written."""
    lock = FieldMDPSpec(FieldMDPAction.ALL)
    source = pdfs.signed_by(pdfs.blank(tmp_path / "a.pdf"), PAULO, lock=lock)

    try:
        output = sign(source, tmp_path / "b.pdf")
    except UnsuitablePdf:
        assert sorted(item.name for item in tmp_path.iterdir()) == ["a.pdf"]
    else:
        assert all(status.bottom_line for status in pdfs.verdicts(output, AUTHORITY))


def test_a_damaged_earlier_signature_is_seen(tmp_path: Path) -> None:
    """A file whose earlier signature is broken can be signed, and the person is warned of it."""
    source = pdfs.signed_by(pdfs.blank(tmp_path / "a.pdf"), PAULO)
    source.write_bytes(source.read_bytes().replace(b"595", b"596", 1))

    assert [item.good for item in pdf.check(source)] == [False]
    assert pdfs.verdicts(sign(source, tmp_path / "b.pdf"), AUTHORITY)[1].intact


@pytest.mark.parametrize("password", ["", "segredo"])
def test_encrypted_files_are_refused(tmp_path: Path, password: str) -> None:
    """Encrypted, with or without a password to open: told in so many words."""
    with pytest.raises(UnsuitablePdf, match="cifrado"):
        pdf.check(pdfs.encrypted(tmp_path / "a.pdf", password))


def broken_files(folder: Path) -> dict[str, bytes]:
    good = pdfs.blank(folder / "good.pdf").read_bytes()
    table = pdfs.blank(folder / "table.pdf", streams=False).read_bytes()
    return {
        "empty": b"",
        "text": b"ola mundo" * 500,
        "zip": b"PK\x03\x04" + bytes(2000),
        "header only": b"%PDF-1.7\n",
        "header and noise": b"%PDF-1.7\n" + os.urandom(5000),
        "cut in half": good[: len(good) // 2],
        "cut at the end": good[:-30],
        "startxref astray": table.replace(b"startxref\n", b"startxref\n9", 1),
        "startxref huge": table[: table.rindex(b"startxref")] + b"startxref\n" + b"9" * 400 + b"\n%%EOF\n",
        "no root": table.replace(b"/Root", b"/Rute"),
        "no pages": table.replace(b"/Pages", b"/Pagez"),
        "count zero": table.replace(b"/Count 1", b"/Count 0"),
        "prev loop": table.replace(b"/Size", b"/Prev 15 /Size"),
        "html": b"<html>%PDF-1.7</html>",
    }


@pytest.mark.parametrize(
    "kind",
    ["empty", "text", "zip", "header only", "header and noise", "cut in half", "cut at the end", "startxref astray",
     "startxref huge", "no root", "no pages", "count zero", "prev loop", "html"],
)  # fmt: skip
def test_what_is_no_pdf_is_refused(tmp_path: Path, kind: str) -> None:
    """Anything else than a PDF one can read is one clear error, and nothing is left behind."""
    work = tmp_path / "work"
    work.mkdir()
    source = work / "x.pdf"
    source.write_bytes(broken_files(tmp_path)[kind])

    with pytest.raises(UnsuitablePdf):
        sign(source, work / "y.pdf")

    assert [item.name for item in work.iterdir()] == ["x.pdf"]


def test_flipped_bits_never_escape_as_foreign_errors(tmp_path: Path) -> None:
    """A file damaged anywhere is signed validly or refused; no other exception, no half-written output."""
    good = pdfs.blank(tmp_path / "good.pdf", streams=False).read_bytes()
    source, output = tmp_path / "x.pdf", tmp_path / "y.pdf"
    for position in range(0, len(good), max(1, len(good) // 60)):
        damaged = bytearray(good)
        damaged[position] ^= 0x15
        source.write_bytes(damaged)
        output.unlink(missing_ok=True)
        try:
            sign(source, output)
        except UnsuitablePdf:
            assert not output.exists()
        else:
            assert pdfs.verdicts(output, AUTHORITY)[-1].intact
    assert leftovers(tmp_path) == []


def test_a_folder_a_pipe_and_nothing_are_refused(tmp_path: Path) -> None:
    """Not files, and none of them makes us wait."""
    os.mkfifo(tmp_path / "pipe.pdf")

    for name in (".", "pipe.pdf", "missing.pdf"):
        with pytest.raises(UnsuitablePdf):
            pdf.check(tmp_path / name)


def test_a_wrong_signature_is_never_published(tmp_path: Path) -> None:
    """Even if a bad signature came this far, the last look at the file refuses it."""
    source = pdfs.blank(tmp_path / "a.pdf")
    prepared = pdf.prepare(source, tmp_path, certificate_of(MARIA))

    with pytest.raises(UnsuitablePdf, match="não ficou válida"):
        prepared.finish(PAULO.sign(prepared.digest))

    prepared.discard()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.pdf"]


def test_the_output_never_replaces_anything_by_accident(tmp_path: Path) -> None:
    """A name that is taken stays as it is; only --overwrite replaces, and never the original."""
    source, taken = pdfs.blank(tmp_path / "a.pdf"), tmp_path / "b.pdf"
    taken.write_text("outro")

    with pytest.raises(BadCommand, match="já existe"):
        sign(source, taken)
    assert taken.read_text() == "outro"
    sign(source, taken, overwrite=True)
    assert pdfs.verdicts(taken, AUTHORITY)[0].bottom_line

    (tmp_path / "hard.pdf").hardlink_to(source)
    (tmp_path / "soft.pdf").symlink_to(source)
    for name in ("a.pdf", "hard.pdf", "soft.pdf"):
        with pytest.raises(BadCommand, match="original"):
            sign(source, tmp_path / name, overwrite=True)
    assert leftovers(tmp_path) == []


def test_the_result_has_the_rights_of_the_original(tmp_path: Path) -> None:
    """A private file stays private, a read-only one can be signed."""
    source = pdfs.blank(tmp_path / "a.pdf")
    source.chmod(0o440)

    output = sign(source, tmp_path / "b.pdf")

    assert stat.S_IMODE(output.stat().st_mode) == 0o640


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The missing folder is named before anything is asked."""
    with pytest.raises(BadCommand, match="Não é possível gravar"):
        pdf.prepare(pdfs.blank(tmp_path / "a.pdf"), tmp_path / "nowhere", certificate_of(MARIA))


def test_free_names_count_upwards(tmp_path: Path) -> None:
    """A second signing of the same file does not collide with the first."""
    source = tmp_path / "contrato.pdf"
    assert free_name(source).name == "contrato-assinado.pdf"
    (tmp_path / "contrato-assinado.pdf").touch()
    assert free_name(source).name == "contrato-assinado-2.pdf"


def test_forms_whose_pages_a_program_makes_are_refused(tmp_path: Path) -> None:
    """XFA: what is signed would not be what its reader shows. A form of the ordinary kind is signed."""
    for name, form in (("xfa", {"/XFA": "<xdp/>"}), ("plain", {})):
        source = pdfs.form(tmp_path / f"{name}.pdf", form)
        if name == "xfa":
            with pytest.raises(UnsuitablePdf, match="XFA") as caught:
                pdf.check(source)
            assert "Imprimir em PDF" in caught.value.advice
        else:
            (status,) = pdfs.verdicts(sign(source, tmp_path / "assinado.pdf"), AUTHORITY)
            assert status.bottom_line


def test_five_hundred_pages(tmp_path: Path) -> None:
    """As one: strangers call it valid, and the stamp is on the page that was named."""
    source = pdfs.blank(tmp_path / "livro.pdf", pages=500)
    output = sign(source, tmp_path / "assinado.pdf", stamp=read_stamp("499:10,80"))

    (status,) = pdfs.verdicts(output, AUTHORITY)
    assert status.bottom_line
    with output.open("rb") as file:
        (signature,) = PdfFileReader(file).embedded_signatures
        assert pdfs.page_of(signature) == 499


_HUGE = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.agent.test_pdf import MARIA, sign
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sign(Path(sys.argv[1]), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 300 MB is signed with far less memory than that."""
    source = pdfs.blank(tmp_path / "huge.pdf", filling=300_000_000)
    root = str(Path(__file__).parents[2])

    done = subprocess.run(
        [sys.executable, "-c", _HUGE.format(root=root), source, tmp_path / "signed.pdf"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert int(done.stdout) < 120_000, f"{done.stdout} kB more"
