"""What we asked, and whether the statement signed by the SAM says exactly that (docs/protocol.md sections 5 and 9.5).

A gateway is believed for nothing here. It could hand the phone other hashes under the verification code that this
screen shows, or hand us somebody else's certificate; the statement would say so, and we stop before the holder types
anything.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from desktop_agent.domain.algorithm import Algorithm
from desktop_agent.domain.certificate import Certificate
from desktop_agent.domain.encoding import b64u, integer
from desktop_agent.errors import UntrustedServer

MAX_LABEL: Final = 120
_TAIL: Final = 24
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REQUEST_ID = re.compile(r"req_[0-9a-z]{26}\Z")
_CODE = re.compile(r"[0-9A-Z]{2,6}\Z")
LONGEST_LIFE: Final = 600
"""Seconds. The service's requests live 180; a clock that is off by minutes must not make us wait for hours."""


@dataclass(frozen=True)
class Document:
    """One thing to sign: what the phone shows of it, and the digest that is signed (of a PDF: of the CMS attributes).

    ``size`` None: unknown.
    """

    label: str
    size: int | None
    digest: bytes


@dataclass(frozen=True)
class Asked:
    """One signature request, as this computer means it."""

    computer: str
    credential: str
    certificate: Certificate
    documents: tuple[Document, ...]
    algorithm: Algorithm | None = None
    """None: the usual one of the certificate's key."""

    @property
    def algorithms(self) -> tuple[str, str]:
        """Hash and signature, by the names of approval documents."""
        way = self.algorithm or self.certificate.algorithm
        return way.hash_name, way.name


@dataclass(frozen=True)
class Terms:
    """What a session shall allow: ``until`` in seconds since 1970, a clean ``purpose``, our names of algorithms."""

    until: int
    maximum: int
    purpose: str
    sign_algorithm: str
    hash_algorithm: str = "SHA-256"


@dataclass(frozen=True)
class AskedSession:
    """One session, as this computer means it. ``key``: the thumbprint of the key that will sign its uses."""

    computer: str
    credential: str
    certificate: Certificate
    key: str
    terms: Terms

    @property
    def algorithms(self) -> tuple[str, str]:
        """Hash and signature, by the names of approval documents."""
        return self.terms.hash_algorithm, self.terms.sign_algorithm


@dataclass(frozen=True)
class Confirmed:
    """What the SAM fixed and the phone will show. ``expires`` in seconds since 1970."""

    request: str
    verification_code: str
    subject: str
    expires: int


def clean_label(name: str) -> str:
    """A file name as the phone may show it: NFC, one line, nothing invisible, at most 120 characters.

    The SAM cleans labels too; ours come clean already, so that they can be compared in :func:`confirm`.
    """
    one_line = " ".join(unicodedata.normalize("NFC", name[: 8 * MAX_LABEL]).split())
    shown = " ".join("".join(char for char in one_line if unicodedata.category(char) not in _HIDDEN).split())
    if len(shown) > MAX_LABEL:
        shown = shown[: MAX_LABEL - _TAIL - 1].rstrip() + "…" + shown[-_TAIL:].lstrip()
    # Once more: what stands side by side now may compose, and the SAM would compose it.
    return unicodedata.normalize("NFC", shown) or "documento"


def confirm(document: Mapping[str, Any], asked: Asked, *, now: int) -> Confirmed:
    """Compare the SAM's ``document`` with ``asked``. Raises UntrustedServer at the first difference.

    1. the caller is this computer; 2. the credential, and the certificate that will stand in the PDF; 3. the algorithm
    of its key; 4. exactly our hashes, in our order, with our labels and sizes, and no more; 5. a code and an expiry
    that can be shown.
    """
    _same_asker(document, asked)  # 1 to 3
    _same_documents(document, asked.documents)  # 4
    return _shown(document, asked, now)  # 5


def confirm_session(document: Mapping[str, Any], asked: AskedSession, *, now: int) -> Confirmed:
    """The same for a session. Raises UntrustedServer at the first difference.

    1 to 3 and 5 as in :func:`confirm`; 4. exactly our end, maximum and purpose, and our key alone signs its uses.
    """
    _same_asker(document, asked)  # 1 to 3
    terms = asked.terms
    said = integer(document.get("until")), integer(document.get("maximum")), document.get("purpose")
    if said != (terms.until, terms.maximum, terms.purpose):  # 4
        raise _differs("o que a sessão permite")
    if document.get("session_key") != [asked.key]:
        raise _differs("a chave da sessão")
    return _shown(document, asked, now)  # 5


def _same_asker(document: Mapping[str, Any], asked: Asked | AskedSession) -> None:
    caller = document.get("caller")
    if not isinstance(caller, dict) or (caller.get("kind"), caller.get("id")) != ("computer", asked.computer):  # 1
        raise _differs("quem pede")
    if document.get("credential") != asked.credential:  # 2
        raise _differs("o certificado")
    if document.get("certificate") != b64u(hashlib.sha256(asked.certificate.der).digest()):
        raise _differs("o certificado")
    algorithms = document.get("hash_algorithm"), document.get("sign_algorithm")
    if algorithms != asked.algorithms:  # 3
        raise _differs("o algoritmo")


def _shown(document: Mapping[str, Any], asked: Asked | AskedSession, now: int) -> Confirmed:
    request, code, expires = document.get("id"), document.get("verification_code"), integer(document.get("expires"))
    if not isinstance(request, str) or not _REQUEST_ID.match(request):  # 5
        raise _differs("o número do pedido")
    if not isinstance(code, str) or not _CODE.match(code):
        raise _differs("o código de verificação")
    if expires is None or expires > now + LONGEST_LIFE:
        raise _differs("o prazo")
    return Confirmed(request, code, asked.certificate.holder, expires)


def _same_documents(document: Mapping[str, Any], asked: Sequence[Document]) -> None:
    listed = [{"label": item.label, "size": item.size, "hash": b64u(item.digest)} for item in asked]
    if document.get("documents") != listed or integer(document.get("count")) != len(asked):
        raise _differs("o conteúdo")
    if document.get("scope") != ("single" if len(asked) == 1 else "multi"):
        raise _differs("a quantidade")


def _differs(what: str) -> UntrustedServer:
    return UntrustedServer(f"O pedido que chegaria ao celular não é o que este computador fez: {what} difere.")
