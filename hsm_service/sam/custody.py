"""The password and the HSM around a key (docs/protocol.md section 7): bind when it is born, unbind in step 7e.

When a newer pepper exists, the right password is also the only moment to bind the key by that one: ``rebind``. The KEK
inside cannot be renewed so (docs/decisions/0018): a key that was unwrapped cannot be wrapped again.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace

from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmKeyMissing, HsmUnavailable
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.generators.domain import Generator
from protocol import custody

Random = Callable[[int], bytes]

_log = get_logger(__name__)


class Custody:
    """Needs the HSM's pepper for every try: without it nobody guesses offline."""

    def __init__(self, hsm: Hsm, random: Random = secrets.token_bytes) -> None:
        self._hsm, self._random = hsm, random

    async def bind(
        self, credential: str, spki: bytes, wrapped: bytes, stretched: bytes, *, kek: int, pepper: int
    ) -> bytes:
        """Around a new key. Raises HsmUnavailable."""
        key = await self._key_that_lasts(credential, custody.hmac_input(credential, stretched), pepper)
        aad = custody.additional_data(credential, spki, kek=kek, pepper=pepper)
        return custody.bind(key, wrapped, aad, nonce=self._random(custody.NONCE_BYTES))

    async def unbind(self, credential: Credential, stretched: bytes) -> bytes:
        """7e: the wrapped key. Raises protocol.custody.DoesNotOpen for a wrong password; HsmUnavailable, also for a
        token that lacks the row's pepper: no password was tried then, so no try may count."""
        spki, bound = credential.key()
        label = f"pepper.{credential.pepper}"
        try:
            key = await self._hsm.hmac(label, custody.hmac_input(credential.id, stretched))
        except HsmKeyMissing as cause:
            raise HsmUnavailable(f"{label}, which {credential.id} needs, is not in this token") from cause
        aad = custody.additional_data(credential.id, spki, kek=credential.kek, pepper=credential.pepper)
        return custody.unbind(key, bound, aad)

    async def rebind(self, credential: Credential, wrapped: bytes, stretched: bytes, *, pepper: int) -> Credential:
        """The credential as it is to be stored, bound by another pepper; its KEK stays. Raises HsmUnavailable."""
        spki, _ = credential.key()
        bound = await self.bind(credential.id, spki, wrapped, stretched, kek=credential.kek, pepper=pepper)
        return replace(credential, bound=bound, pepper=pepper)

    async def keep(self, generator: str, credential: str, secret: bytes, pepper: int) -> bytes:
        """A generator's secret as its row keeps it: under a key that only this HSM makes. Raises HsmUnavailable."""
        key = await self._key_that_lasts(generator, custody.generator_input(generator, credential), pepper)
        nonce = self._random(custody.NONCE_BYTES)
        return custody.bind(key, secret, custody.generator_data(generator, credential, pepper), nonce=nonce)

    async def kept(self, generator: Generator) -> bytes:
        """The secret again. Raises HsmUnavailable; protocol.custody.DoesNotOpen for a row that is not ours."""
        label = f"pepper.{generator.pepper}"
        try:
            key = await self._hsm.hmac(label, custody.generator_input(generator.id, generator.credential))
        except HsmKeyMissing as cause:
            raise HsmUnavailable(f"{label}, which {generator.id} needs, is not in this token") from cause
        data = custody.generator_data(generator.id, generator.credential, generator.pepper)
        return custody.unbind(key, generator.kept, data)

    async def keep_anew(self, generator: Generator, pepper: int) -> Generator:
        """The generator as it is to be stored, its secret under another pepper: no holder is needed for it."""
        kept = await self.keep(generator.id, generator.credential, await self.kept(generator), pepper)
        return replace(generator, kept=kept, pepper=pepper)

    async def _key_that_lasts(self, what: str, message: bytes, pepper: int) -> bytes:
        """What a key is bound by must come out again in years. A handle that names another key would bind it for ever
        to nothing (stale handles have signed with other keys), so the pepper is asked twice, in two visits."""
        first, again = [await self._hsm.hmac(f"pepper.{pepper}", message) for _ in range(2)]
        if not hmac.compare_digest(first, again):
            _log.error("pepper_does_not_repeat", pepper=pepper, what=what)
            raise HsmUnavailable("the pepper does not give the same twice", retry_after=5)
        return first
