"""The time-stamping authority: for development and tests, by a key of its own in the AC's slot.

It says when a digest was seen, by the clock of this machine; whose digest, and of what, it does not know. A stamp is
no signature of anybody's: nothing of a holder rests on this key. In production an accredited authority takes its place
(settings of documents).
"""

import secrets
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from foundation.clock import Clock
from foundation.errors import Unavailable
from foundation.ids import Random
from issuance.ac.domain.certificate import new_serial
from issuance.ac.domain.time_stamp import (
    RequestRefused,
    attributes_of,
    content_of,
    granted,
    read_request,
    refusal,
)
from issuance.ac.ports import AuthorityKeys
from issuance.ac.service.founding import Chain
from issuance.ac.service.publishing import Published

MEDIA_TYPE: Final = "application/timestamp-reply"


class NoStampingKey(Unavailable):
    """The slot has no key for time stamps: `linkid hsm init` makes it."""

    code = "ac_no_stamping_key"


class TimeStamping:
    """Answers requests."""

    def __init__(
        self, keys: AuthorityKeys, clock: Clock, chain: Chain, policy: str, random: Random = secrets.token_bytes
    ) -> None:
        """``chain`` is the one that the publisher renews."""
        self._keys = keys
        self._clock = clock
        self._chain = chain
        self._policy = policy
        self._random = random

    async def stamp(self, request: bytes) -> Published:
        """A token, or a refusal inside the answer (RFC 3161 section 2.4.2). Raises NoStampingKey, HsmUnavailable."""
        certificate = self._chain.tsa
        if certificate is None:
            raise NoStampingKey
        try:
            asked = read_request(request, self._policy)
        except RequestRefused as refused:
            return Published(MEDIA_TYPE, refusal(refused.failure), 0)
        at, der = self._clock.now().replace(microsecond=0), certificate.public_bytes(Encoding.DER)
        content = content_of(asked, policy=self._policy, serial=new_serial(self._random), at=at)
        attributes = attributes_of(content, der, at)
        signature = await self._keys.sign_time_stamp(attributes)
        return Published(MEDIA_TYPE, granted(asked, content, attributes, signature, der), 0)
