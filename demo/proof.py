"""What strangers think of a signed PDF: pdfsig, openssl and pyHanko, each told the test root and nothing else of ours.

Each function raises NotProven unless the stranger calls the signature valid, the chain trusted and the certificate not
revoked; what it said is returned, for people.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.fetchers.aiohttp_fetchers import AIOHttpFetcherBackend

from linkid.platform import program
from sandbox_phone.loopback import connector


class NotProven(Exception):
    """A stranger is not convinced; the message is what it said."""


@dataclass(frozen=True)
class Authority:
    """What a stranger is given: the root (PEM file), and where the authority publishes."""

    root: Path
    pki: str

    async def fetch(self, name: str) -> bytes:
        """A published file."""
        session = aiohttp.ClientSession(connector=connector())
        async with session, session.get(f"{self.pki}/pki/{name}") as answer:
            if answer.status != 200:
                raise NotProven(f"{name}: {answer.status}")
            return await answer.read()


def by_pdfsig(file: Path, authority: Authority) -> str:
    """Poppler with an NSS database in which the test root is trusted. Its own revocation check needs the web: off."""
    with tempfile.TemporaryDirectory() as folder:
        store = f"sql:{folder}"
        _run(program("certutil"), "-N", "-d", store, "--empty-password")
        _run(program("certutil"), "-A", "-d", store, "-n", "root", "-t", "C,C,C", "-i", authority.root)
        said = _run(program("pdfsig"), "-nssdir", store, file)
    if "Signature is Valid." not in said or "Certificate is Trusted." not in said:
        raise NotProven(said)
    return _lines(said, "Signature Validation", "Certificate Validation", "Signer Certificate Common Name")


async def by_openssl(file: Path, authority: Authority) -> str:
    """`openssl cms -verify` of the CMS inside, with the lists of root and issuing authority demanded and checked."""
    data, signature = signed_parts(file.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        trusted = Path(folder, "trusted.pem")
        lists = [x509.load_der_x509_crl(await authority.fetch(name)) for name in ("root.crl", "issuing.crl")]
        issuing = x509.load_der_x509_certificate(await authority.fetch("issuing.crt"))
        trusted.write_bytes(
            authority.root.read_bytes()
            + issuing.public_bytes(Encoding.PEM)
            + b"".join(each.public_bytes(Encoding.PEM) for each in lists)
        )
        Path(folder, "data").write_bytes(data)
        Path(folder, "signature").write_bytes(signature)
        said = _run(
            program("openssl"),
            *("cms", "-verify", "-inform", "DER", "-in", Path(folder, "signature")),
            *("-content", Path(folder, "data"), "-binary", "-CAfile", trusted),
            *("-crl_check_all", "-purpose", "any", "-out", "/dev/null"),
        )
    if "successful" not in said:
        raise NotProven(said)
    return said.strip()


async def by_ocsp(file: Path, authority: Authority) -> str:
    """What `openssl ocsp` hears about the signer: ``good`` or ``revoked``."""
    _, signature = signed_parts(file.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "signature").write_bytes(signature)
        Path(folder, "issuing.der").write_bytes(await authority.fetch("issuing.crt"))
        openssl = program("openssl")
        issuing, signer = Path(folder, "issuing.pem"), Path(folder, "signer.pem")
        _run(openssl, "x509", "-inform", "DER", "-in", Path(folder, "issuing.der"), "-out", issuing)
        _run(
            openssl,
            *("cms", "-verify", "-noverify", "-no_content_verify", "-inform", "DER"),
            *("-in", Path(folder, "signature"), "-signer", signer, "-out", "/dev/null"),
            *("-content", "/dev/null"),
        )
        here = authority.pki.replace("//localhost:", "//127.0.0.1:")  # a bare Debian does not know the name
        said = _run(
            openssl,
            *("ocsp", "-issuer", issuing, "-cert", signer, "-url", f"{here}/pki/ocsp"),
            *("-CAfile", authority.root, "-VAfile", issuing),
        )
    found = re.search(r": (good|revoked|unknown)\b", said)
    if found is None or "Response verify OK" not in said:
        raise NotProven(said)
    return found[1]


async def by_pyhanko(file: Path, authority: Authority) -> str:
    """pyHanko, which fetches revocation information by itself and refuses without it."""
    root = load_cert_from_pemder(str(authority.root))
    async with (
        aiohttp.ClientSession(connector=connector()) as session,
        AIOHttpFetcherBackend(session) as fetchers,
    ):
        context = ValidationContext(
            trust_roots=[root], allow_fetching=True, revocation_mode="hard-fail", fetchers=fetchers
        )
        with file.open("rb") as stream:
            status = await async_validate_pdf_signature(PdfFileReader(stream).embedded_signatures[-1], context)
    if not status.bottom_line:
        raise NotProven(status.pretty_print_details())
    return status.summary()


def signed_parts(pdf: bytes) -> tuple[bytes, bytes]:
    """The bytes that the last signature covers, and its CMS (DER)."""
    found = list(re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", pdf))
    if not found:
        raise NotProven("no signature in this PDF")
    start, length, start2, length2 = map(int, found[-1].groups())
    contents = bytes.fromhex(pdf[start + length + 1 : start2 - 1].decode("ascii"))
    size = int.from_bytes(contents[2:4], "big") + 4  # SEQUENCE with a length of two bytes; the rest is padding
    return pdf[start : start + length] + pdf[start2 : start2 + length2], contents[:size]


def _run(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise NotProven(f"{Path(words[0]).name}: {said}")
    return said


def _lines(said: str, *wanted: str) -> str:
    return "; ".join(line.strip(" -") for line in said.splitlines() if any(word in line for word in wanted))


def approved_digest(file: Path) -> bytes:
    """The SHA-256 that was signed: of the signed attributes (RFC 5652 section 5.4), which hold the PDF's own digest."""
    _, signature = signed_parts(file.read_bytes())
    signed = cms.ContentInfo.load(signature)["content"]
    attributes = signed["signer_infos"][0]["signed_attrs"].untag().dump()
    return hashlib.sha256(attributes).digest()
