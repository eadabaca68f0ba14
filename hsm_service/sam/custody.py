"""The password and the HSM around a key (docs/protocol.md section 7): bind when it is born, unbind in step 7e."""

import secrets
from collections.abc import Callable

from hsm_service.hsm.facade import Hsm
from hsm_service.sam.credentials.domain import Credential
from protocol import custody

Random = Callable[[int], bytes]


class Custody:
    """Needs the HSM's pepper for every try: without it nobody guesses offline."""

    def __init__(self, hsm: Hsm, random: Random = secrets.token_bytes) -> None:
        self._hsm, self._random = hsm, random

    async def bind(
        self, credential: str, spki: bytes, wrapped: bytes, stretched: bytes, *, kek: int, pepper: int
    ) -> bytes:
        """Around a new key."""
        key = await self._key(credential, stretched, pepper)
        aad = custody.additional_data(credential, spki, kek=kek, pepper=pepper)
        return custody.bind(key, wrapped, aad, nonce=self._random(custody.NONCE_BYTES))

    async def unbind(self, credential: Credential, stretched: bytes) -> bytes:
        """7e: the wrapped key. Raises protocol.custody.DoesNotOpen for a wrong password."""
        spki, bound = credential.key()
        key = await self._key(credential.id, stretched, credential.pepper)
        aad = custody.additional_data(credential.id, spki, kek=credential.kek, pepper=credential.pepper)
        return custody.unbind(key, bound, aad)

    async def _key(self, credential: str, stretched: bytes, pepper: int) -> bytes:
        return await self._hsm.hmac(f"pepper.{pepper}", custody.hmac_input(credential, stretched))
