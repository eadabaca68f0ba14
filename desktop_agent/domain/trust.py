"""Whom we believe: the pinned roots of ``trust.json``, and what they sign (docs/protocol.md sections 2 and 3)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from desktop_agent.domain.encoding import integer, strict_object, unb64u
from desktop_agent.errors import NobodyAnswered, UntrustedServer

_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_FINGERPRINT_HEX: Final = 32
"""128 bits of a SHA-256, in groups of four: comparable by eye, not forgeable by search."""


@dataclass(frozen=True)
class Trust:
    """One environment: its places and its roots. ``source`` are the bytes to keep."""

    environment: str
    gateway: str
    app: str
    sam: Mapping[str, ECKey]
    """SAM roots by thumbprint. The AC's roots are of no use on a computer."""
    fingerprint: str
    source: bytes


def is_safe(url: str) -> bool:
    """HTTPS, or plain HTTP that does not leave this machine; nothing but scheme, host, port and path."""
    try:
        parts = urlsplit(url)
        loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
        plain = not (parts.username or parts.query or parts.fragment) and (parts.port or 1) > 0
    except ValueError:
        return False
    return bool(parts.hostname) and plain and (parts.scheme == "https" or loopback)


def read_trust(data: bytes) -> Trust:
    """``trust.json`` as values. Raises UntrustedServer."""
    content = strict_object(data)
    texts = {name: content.get(name) for name in ("environment", "gateway", "app")}
    if integer(content.get("v")) != 1 or not all(isinstance(text, str) and text for text in texts.values()):
        raise UntrustedServer("O arquivo de confiança (trust.json) não é da versão 1.")
    if not (is_safe(texts["gateway"] or "") and is_safe(texts["app"] or "")):
        raise UntrustedServer("O arquivo de confiança aponta para um endereço sem https.")
    roots = {role: _roots(content.get(role)) for role in ("sam", "ac")}
    meaning = {**texts, **{role: sorted(keys) for role, keys in roots.items()}}
    digest = hashlib.sha256(rfc8785.dumps(meaning)).hexdigest()[:_FINGERPRINT_HEX]
    return Trust(
        environment=content["environment"],
        gateway=content["gateway"].rstrip("/"),
        app=content["app"].rstrip("/"),
        sam=roots["sam"],
        fingerprint=" ".join(digest[start : start + 4] for start in range(0, _FINGERPRINT_HEX, 4)),
        source=data,
    )


def _roots(value: object) -> dict[str, ECKey]:
    if not isinstance(value, list) or not value:
        raise UntrustedServer("O arquivo de confiança não traz as chaves-raiz.")
    keys = [read_key(item) for item in value]
    return {key.thumbprint(): key for key in keys}


def read_key(value: object) -> ECKey:
    """A P-256 public key from a JWK of exactly four members. Raises UntrustedServer."""
    if not isinstance(value, dict) or set(value) != {"kty", "crv", "x", "y"} or value["crv"] != "P-256":
        raise UntrustedServer("Uma chave do serviço não é P-256.")
    try:
        key = ECKey.import_key(value)
        key.public_key.public_numbers()  # a point that is not on the curve fails here
    except (JoseError, ValueError, TypeError) as cause:
        raise UntrustedServer("Uma chave do serviço está malformada.") from cause
    return key


def open_statement(trust: Trust, token: object, *, kind: str, now: int) -> dict[str, Any]:
    """The document inside a SAM statement, after every check of section 2 and 3. Its ``proof`` is the phone's business.

    1. header exactly alg ES256, kid of a pinned SAM root, typ of a statement; 2. signature; 3. only then parse; 4.
    type, version, expiry of the statement; 5. type, version, expiry of the document, which the statement does not
    outlive. Raises UntrustedServer; NobodyAnswered when it is genuine and late.
    """
    header = strict_object(unb64u(token.split(".")[0])) if isinstance(token, str) else {}
    if header != {"alg": "ES256", "kid": header.get("kid"), "typ": "linkid+statement"}:  # 1
        raise UntrustedServer("O pedido não veio assinado pelo módulo de assinatura.")
    root = trust.sam.get(header["kid"]) if isinstance(header["kid"], str) else None
    if root is None:
        raise UntrustedServer("O pedido foi assinado por uma chave que não é a raiz de confiança fixada aqui.")
    try:
        payload = jws.deserialize_compact(str(token), root, algorithms=["ES256"]).payload  # 2
    except (JoseError, ValueError) as cause:
        raise UntrustedServer("A assinatura do módulo sobre o pedido não confere.") from cause
    content = strict_object(payload)  # 3
    document = strict_object(unb64u(content.get("document")))
    _demand(content, "statement", now)  # 4
    _demand(document, kind, now)  # 5
    if content["expires"] > document["expires"]:
        raise UntrustedServer("O pedido do serviço se contradiz.")
    return document


def _demand(content: Mapping[str, Any], kind: str, now: int) -> None:
    expires = integer(content.get("expires"))
    if content.get("type") != kind or integer(content.get("v")) != 1 or expires is None:
        raise UntrustedServer("O serviço respondeu com um pedido de outro tipo.")
    if expires <= now:
        raise NobodyAnswered("O pedido já expirou.", "Se isto se repete, confira o relógio deste computador.")
