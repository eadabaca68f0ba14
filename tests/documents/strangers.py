"""What programs that are not ours say of a signature: pdfsig, mutool, openssl, xmlsec1, pyHanko."""

import subprocess
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from linkid.platform import program


def pdfsig(pdf: bytes) -> str:
    """Poppler, without looking at trust."""
    with tempfile.TemporaryDirectory() as folder:
        file = _file(folder, "signed.pdf", pdf)
        return _run(program("pdfsig"), "-nocert", file)


def openssl_cms(signature: bytes, root: x509.Certificate, content: bytes | None) -> str:
    """``openssl cms -verify`` up to *root*; *content* unless it is attached."""
    with tempfile.TemporaryDirectory() as folder:
        words: list[str | Path] = ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any"]
        words += ["-in", _file(folder, "signature", signature), "-CAfile", _file(folder, "root.pem", pem(root))]
        if content is not None:
            words += ["-content", _file(folder, "content", content)]
        return _run(program("openssl"), *words, "-out", "/dev/null")


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _file(folder: str, name: str, content: bytes) -> Path:
    file = Path(folder, name)
    file.write_bytes(content)
    return file


def _run(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr
