"""Signature policies and trusted roots, from the files that the settings name."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hsm_service.documents.domain.policies import MAX_POLICY, PolicyShelf, read_policy
from hsm_service.documents.errors import PolicyUnreadable, RootUnreadable
from hsm_service.documents.settings import PolicySettings


def read_policies(settings: PolicySettings) -> PolicyShelf:
    """All of them, once, before anything is served. Raises PolicyUnreadable naming the file."""
    found = {}
    for key, given in settings.files().items():
        try:
            with given.file.open("rb") as file:
                found[key] = read_policy(file.read(MAX_POLICY + 1), given.uri)
        except OSError as cause:
            raise PolicyUnreadable(f"{given.file}: {cause.strerror}") from cause
        except PolicyUnreadable as cause:
            raise PolicyUnreadable(f"{given.file}: {cause.detail}") from cause
    return found


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
