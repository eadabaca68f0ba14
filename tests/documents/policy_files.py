"""Signature policies of the tests, of the structure of ICP-Brasil's files (RFC 3125)."""

import hashlib
from datetime import UTC, datetime

from asn1crypto import algos, core


def policy_file(
    oid: str,
    *,
    since: datetime = datetime(2025, 7, 23, tzinfo=UTC),
    until: datetime | None = None,
    with_hash: bool = True,
) -> bytes:
    """A policy whose rules nobody reads; its own hash is over algorithm and info, as RFC 3125 says."""
    times = [core.GeneralizedTime(since), *([core.GeneralizedTime(until)] if until else [])]
    period, rules = _sequence(*times), _sequence(core.UTF8String("regras"))
    info = _sequence(
        core.ObjectIdentifier(oid),
        core.GeneralizedTime(since),
        _sequence(core.UTF8String("AC de Teste")),
        core.UTF8String("assinaturas de teste"),
        _sequence(period, rules, rules),
    )
    algorithm = algos.DigestAlgorithm({"algorithm": "sha256"})
    parts: list[core.Asn1Value] = [algorithm, info]
    if with_hash:
        parts.append(core.OctetString(hashlib.sha256(algorithm.dump() + info.dump()).digest()))
    return bytes(_sequence(*parts).dump())


def _sequence(*parts: core.Asn1Value) -> core.Asn1Value:
    """A SEQUENCE of anything, of more than 127 bytes or not."""
    contents = b"".join(part.dump() for part in parts)
    size = len(contents)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return core.load(b"\x30" + length + contents)
