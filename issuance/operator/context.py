"""Where an operator's commands find things, and the operator's key."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from foundation.clock import Clock, SystemClock
from foundation.encoding import strict_json
from foundation.errors import BadInput, JsonObject, LinkIdError
from foundation.tls import TlsFiles
from issuance.domain.order import check_order
from protocol.errors import OrderInvalid
from protocol.keys import P256Key
from protocol.orders import open_order, sign_order

_MAX_FILE = 65_536


class OperatorMistake(BadInput):
    """Something the operator can put right. ``detail`` is the whole message, in a line or two."""

    code = "operator_mistake"


@dataclass(frozen=True)
class OperatorContext:
    """Made by the roof."""

    key_file: Path
    """The operator's private key, 0600. Whoever has it can have certificates made in any name."""
    operators_file: Path
    """Pinned public keys, read by AC and SAM."""
    trust_file: Path
    """``trust.json``: the roots."""
    ac: str
    """Private address of the AC."""
    sams: Sequence[str]
    """Private addresses of SAMs; any one will do."""
    emission_page: str
    """What a holder opens, as ``https://app.example.com/emissao/``."""
    tls: TlsFiles | None = None
    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = field(default=lambda text: _line(sys.stdout, text))
    complain: Callable[[str], None] = field(default=lambda text: _line(sys.stderr, text))
    read_password: Callable[[], str] = field(default=lambda: sys.stdin.readline().rstrip("\r\n"))

    def key(self) -> ec.EllipticCurvePrivateKey:
        """The operator's key. Raises OperatorMistake saying how to get one."""
        try:
            mode = self.key_file.stat().st_mode
            loaded = load_pem_private_key(self.key_file.read_bytes(), password=None)
        except FileNotFoundError:
            raise OperatorMistake(f"there is no operator key at {self.key_file}; run: linkid operator init") from None
        except (OSError, ValueError, TypeError) as cause:
            raise OperatorMistake(f"{self.key_file} is not an operator key: {cause}") from None
        if mode & 0o077:
            raise OperatorMistake(f"{self.key_file} can be read by others; run: chmod 600 {self.key_file}")
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or not isinstance(loaded.curve, ec.SECP256R1):
            raise OperatorMistake(f"{self.key_file} is not a P-256 key")
        return loaded

    def sign(self, payload: JsonObject) -> str:
        """An order, signed. What the AC would refuse is told here, before anything is sent.

        Raises OperatorMistake, and what ``check_order`` raises.
        """
        key = self.key()
        public = P256Key.from_public(key.public_key())
        jws = sign_order(payload, key)
        try:
            order, _ = open_order(jws, {public.jkt: public})
        except OrderInvalid as cause:
            raise OperatorMistake(f"the order would not be taken: {cause.detail}") from None
        check_order(order, self.clock.now())
        return jws

    def ac_roots(self) -> dict[str, P256Key]:
        """The AC's pinned root. Raises OperatorMistake."""
        try:
            value = strict_json(self.trust_file.read_bytes(), max_bytes=_MAX_FILE)
            listed = value.get("ac") if isinstance(value, dict) else None
            keys = [P256Key.from_jwk(item) for item in (listed if isinstance(listed, list) else [])]
        except FileNotFoundError:
            raise OperatorMistake(f"there is no {self.trust_file}; run: linkid hsm init") from None
        except (OSError, LinkIdError) as cause:
            raise OperatorMistake(f"{self.trust_file} cannot be used: {cause}") from None
        if not keys:
            raise OperatorMistake(f"{self.trust_file} names no AC")
        return {key.jkt: key for key in keys}

    def new_key(self, name: str) -> tuple[P256Key, bool]:
        """Make the key file, unless it is there; pin its public half. The key, and whether it is new."""
        made = not self.key_file.exists()
        if made:
            self.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = ec.generate_private_key(ec.SECP256R1())
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            # Born private: there is no moment in which others could read it, and nothing is overwritten.
            descriptor = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                os.fsync(file.fileno())
        public = P256Key.from_public(self.key().public_key())
        self._pin(name, public)
        return public, made

    def _pin(self, name: str, key: P256Key) -> None:
        pinned: list[object] = []
        if self.operators_file.exists():
            try:
                value = strict_json(self.operators_file.read_bytes(), max_bytes=_MAX_FILE)
            except LinkIdError as cause:
                raise OperatorMistake(f"{self.operators_file} is damaged: {cause}") from None
            listed = value.get("operators") if isinstance(value, dict) else None
            pinned = list(listed) if isinstance(listed, list) else []
        if any(isinstance(entry, dict) and entry.get("key") == key.jwk for entry in pinned):
            return
        content = json.dumps({"v": 1, "operators": [*pinned, {"name": name, "key": key.jwk}]}, indent=1) + "\n"
        self.operators_file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.operators_file.with_name(f".{self.operators_file.name}.{os.getpid()}")
        fresh.write_text(content, encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(self.operators_file)


def _line(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()
