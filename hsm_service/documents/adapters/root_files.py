"""Trusted roots from the files that the settings name."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hsm_service.documents.errors import RootUnreadable


def read_roots(files: Sequence[Path]) -> list[bytes]:
    """Trusted roots, DER. Raises RootUnreadable naming the file."""
    return [_root(file) for file in files]


def _root(file: Path) -> bytes:
    try:
        data = file.read_bytes()
        pem = b"-----BEGIN" in data
        found = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
    except (OSError, ValueError) as cause:
        raise RootUnreadable(f"{file}: no certificate, PEM or DER") from cause
    return found.public_bytes(Encoding.DER)
