"""What the SAM signs with its root key, and the keys that proofs are encrypted to."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from foundation.clock import Clock
from foundation.encoding import JsonObject
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.keys import TransportKey
from protocol import statements
from protocol.documents import Document
from protocol.errors import TransportKeyRetired
from protocol.keys import P256Key
from protocol.passwords import Argon2
from protocol.proofs import Claims, Jwe, Purpose
from protocol.statements import ProofWanted

RETIREMENT_SECONDS: Final = 600
"""How long a rotated transport key still answers: longer than any document lives."""
_LOOK_AGAIN_SECONDS: Final = 60.0
_LOOK_AGAIN_AT_MOST_EVERY: Final = 5.0
"""An unknown kid makes us look for a new key, but not as often as somebody likes to send unknown kids."""

_SIGNED_BEFORE: Final = 2_048
"""Signatures of 250 bytes with their names: the statements of the last seconds."""


class Roots:
    """Signs statements by ``root.1``. The same bytes again (the caller hears a statement, and then the phone) get the
    signature that was made and verified before."""

    def __init__(self, hsm: Hsm, key: P256Key) -> None:
        self._hsm, self.key = hsm, key
        self._made: OrderedDict[bytes, bytes] = OrderedDict()

    async def sign(self, payload: JsonObject) -> str:
        """A root-signed object (section 2)."""
        signed = statements.signing_input(payload, kid=self.key.jkt)
        name = hashlib.sha256(signed).digest()
        signature = self._made.get(name)
        if signature is None:
            signature = await self._hsm.sign_root(signed)
            self.key.verify(signature, signed)  # a stale handle signs with another key; nobody shall see that
            self._made[name] = signature
            if len(self._made) > _SIGNED_BEFORE:
                self._made.popitem(last=False)
        return statements.assemble(signed, signature)


class TransportKeys:
    """Current and retired transport keys; looks for new ones by itself."""

    def __init__(self, hsm: Hsm, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._hsm, self._monotonic = hsm, monotonic
        self._keys: list[TransportKey] = []
        self._looked = float("-inf")

    async def current(self) -> P256Key:
        """The key that new statements name."""
        await self._look(_LOOK_AGAIN_SECONDS)
        return self._keys[-1].public

    async def answering(self, kid: str, now: datetime) -> TransportKey:
        """The key of that name, if it is current or was until ten minutes ago. Raises TransportKeyRetired."""
        await self._look(_LOOK_AGAIN_SECONDS)
        found = self._find(kid)
        if found is None:
            await self._look(_LOOK_AGAIN_AT_MOST_EVERY)
            found = self._find(kid)
        if found is None:
            raise TransportKeyRetired("no such transport key")
        successor = next((key for key in self._keys if key.version == found.version + 1), None)
        if successor is not None and now.timestamp() > successor.made_at + RETIREMENT_SECONDS:
            raise TransportKeyRetired(f"transport.{found.version} was replaced")
        return found

    def _find(self, kid: str) -> TransportKey | None:
        return next((key for key in self._keys if key.public.jkt == kid), None)

    async def _look(self, older_than: float) -> None:
        if self._monotonic() - self._looked > older_than:
            self._keys = await self._hsm.transport_keys()
            self._looked = self._monotonic()


class Proofs:
    """Both ends of the password's way: what a statement asks for, and what comes back."""

    def __init__(self, hsm: Hsm, transport: TransportKeys) -> None:
        self._hsm, self._transport = hsm, transport

    async def wanted(self, purpose: Purpose, salt: bytes, argon2: Argon2) -> ProofWanted:
        """The ``proof`` member of a statement."""
        return ProofWanted(purpose, salt, argon2, await self._transport.current())

    async def open(self, proof: str, purpose: Purpose, document: Document, signer: P256Key, now: datetime) -> bytes:
        """7c: the stretched password, if the proof is for this purpose, document and signer.

        Raises ProofInvalid, TransportKeyRetired. No password is tried here.
        """
        jwe = Jwe.parse(proof)
        key = await self._transport.answering(jwe.kid, now)
        plaintext = jwe.decrypt(await self._hsm.derive(key.version, jwe.epk))
        return Claims.parse(plaintext).demand(purpose, document, signer)


class TransportRoom:
    """``transport``: which key a gateway encrypts factors to, in our own signed words."""

    def __init__(self, clock: Clock, transport: TransportKeys, roots: Roots) -> None:
        self._clock, self._transport, self._roots = clock, transport, roots

    async def state(self) -> JsonObject:
        """{statement}: root-signed, type ``transport``, for ten minutes."""
        key, now = await self._transport.current(), int(self._clock.now().timestamp())
        payload: JsonObject = {"v": 1, "type": "transport", "key": key.jwk, "expires": now + RETIREMENT_SECONDS}
        return {"statement": await self._roots.sign(payload)}
