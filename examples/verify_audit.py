#!/usr/bin/env python3
"""Check an export of Link ID's audit (`linkid audit export`) with nothing but Python's standard library.

    python3 verify_audit.py audit.jsonl --trust trust.json

``trust.json`` is the file that clients pin (the app host serves it at /trust.json; get it another way if you can).
Three questions are answered: does every chain hold from its first line to its last; did a SAM sign heads that are those
very lines; and how much stands after the newest signature, believed on the chain's own word. Exit code 0 when all
holds.

A chain: each line is the text that was hashed; hash = SHA-256(hash of the line before || text), 32 zero bytes before
the first; the text itself names its chain, its number and the hash before it. Signed heads: a JWS (RFC 7515) by ECDSA
P-256 with SHA-256 (FIPS 186-5) of the SAM's root key, numbered, each naming the one before it by its SHA-256.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

Point = tuple[int, int] | None
"""On the curve; None is the point at infinity."""

# --- P-256 (SP 800-186, 3.2.1.3): enough to verify, public values only, so time tells nothing worth hiding

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(a: Point, b: Point) -> Point:
    """Two points."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k: int, point: Point) -> Point:
    total: Point = None
    while k:
        if k & 1:
            total = add(total, point)
        point, k = add(point, point), k >> 1
    return total


def verifies(key: Point, message: bytes, signature: bytes) -> bool:
    """FIPS 186-5, 6.4.2; ``signature`` is r || s."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not 0 < r < N or not 0 < s < N:
        return False
    e, w = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    point = add(times(e * w % N, G), times(r * w % N, key))
    return point is not None and point[0] % N == r


# --- JWS


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def roots(trust: Any) -> dict[str, Point]:
    """The SAM's roots by thumbprint (RFC 7638)."""
    found: dict[str, Point] = {}
    for jwk in trust["sam"]:
        x, y = (int.from_bytes(unb64u(jwk[name]), "big") for name in ("x", "y"))
        if (y**2 - x**3 + 3 * x - B) % P:
            raise ValueError("trust.json: a key that is not on the curve")
        text = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        found[base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()] = (x, y)
    return found


def opened(jws: str, keys: dict[str, Point]) -> Any:
    """The payload of signed heads. Raises ValueError when it is not signed by a root of the SAM."""
    head, body, tail = jws.split(".")
    header = json.loads(unb64u(head))
    if header.get("alg") != "ES256" or header.get("typ") != "linkid+audit-heads" or header.get("kid") not in keys:
        raise ValueError("signed by nobody whom trust.json names")
    if not verifies(keys[header["kid"]], f"{head}.{body}".encode(), unb64u(tail)):
        raise ValueError("the signature does not hold")
    return json.loads(unb64u(body))


# --- the export


class Broken(Exception):
    """The first thing that does not hold."""


def read(file: Iterable[str], keys: dict[str, Point]) -> tuple[dict[str, list[bytes]], int, Any]:
    """Walk the export. Returns (chains: name to list of hashes, signed: number of heads, newest payload)."""
    chains: dict[str, list[bytes]] = {}
    last: dict[str, tuple[int, str]] = {}
    signed, newest = 0, None
    for text in file:
        item = json.loads(text)
        if item["type"] == "line":
            take_line(chains, item)
        elif item["type"] == "heads":
            try:
                said = opened(item["jws"], keys)
            except ValueError as error:
                raise Broken(f"signed heads {signed + 1}: {error}") from error
            take_heads(chains, last, said, item["jws"])
            signed += 1
            if newest is None or said["created"] >= newest["created"]:
                newest = said
    return chains, signed, newest


def take_line(chains: dict[str, list[bytes]], item: Any) -> None:
    """The next line of its chain. Raises Broken."""
    hashes = chains.setdefault(item["chain"], [])
    before, body = (hashes[-1] if hashes else bytes(32)), item["body"].encode()
    where = f"{item['chain']} line {item['seq']}"
    if item["seq"] != len(hashes) + 1:
        raise Broken(f"{where}: line {len(hashes) + 1} is missing")
    found = hashlib.sha256(before + body).digest()
    said = json.loads(body)
    if found.hex() != item["hash"]:
        raise Broken(f"{where}: the hash does not hold")
    if (said["chain"], said["seq"], said["prev"]) != (item["chain"], item["seq"], before.hex()):
        raise Broken(f"{where}: the text names another place")
    hashes.append(found)


def take_heads(chains: dict[str, list[bytes]], last: dict[str, tuple[int, str]], said: Any, jws: str) -> None:
    """The next signed heads of their signer, true of the lines. Raises Broken."""
    where = f"signed heads {said['number']} of {said['signer']}"
    number, prev = last.get(said["signer"], (0, None))
    if (said["number"], said["prev"]) != (number + 1, prev):
        raise Broken(f"{where}: not the one that follows number {number}")
    for head in said["heads"]:
        hashes = chains.get(head["chain"], [])
        if head["seq"] > len(hashes) or hashes[head["seq"] - 1].hex() != head["hash"]:
            raise Broken(f"{where}: line {head['seq']} of {head['chain']} is not the one that was signed")
    name = base64.urlsafe_b64encode(hashlib.sha256(jws.encode()).digest()).rstrip(b"=").decode()
    last[said["signer"]] = (said["number"], name)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--trust", type=argparse.FileType(encoding="utf-8"), required=True, metavar="trust.json")
    given = parser.parse_args()
    try:
        chains, signed, newest = read(given.export, roots(json.load(given.trust)))
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return 1
    except (ValueError, KeyError, TypeError, IndexError) as error:
        print(f"not an export, or not a trust.json: {type(error).__name__}: {error}")
        return 1
    for name, hashes in sorted(chains.items()):
        print(f"{name}: {len(hashes):,} lines, each follows from the one before")
    if newest is None:
        print("NOTHING IS SIGNED: the chains hold by themselves, but nobody vouches for them")
        return 1
    when = datetime.fromtimestamp(newest["created"], timezone.utc)  # noqa: UP017 - older Pythons too
    covered = {head["chain"]: head["seq"] for head in newest["heads"]}
    after = sum(len(hashes) - covered.get(name, 0) for name, hashes in chains.items())
    print(f"{signed:,} signed heads, all by the SAM's root, all true of these lines; newest: {when:%Y-%m-%d %H:%M:%S}Z")
    print(f"{after:,} lines stand after it, on the chains' own word")
    return 0


if __name__ == "__main__":
    sys.exit(main())
