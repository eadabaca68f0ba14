"""*Não sou um robô* by ALTCHA's proof of work: computed in the browser, nobody else is asked, nothing is tracked.

It slows robots down and does not recognise people: what protects an installation password is the AC's count. Other
captchas (reCAPTCHA, hCaptcha, Turnstile) would be further adapters of the same port.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

import altcha

from foundation.clock import Clock
from foundation.errors import JsonObject
from issuance.errors import CaptchaInvalid
from issuance.ports import Solved

LIFE: Final = timedelta(minutes=5)
ALGORITHM: Final = "PBKDF2/SHA-256"
COST: Final = 5000
"""PBKDF2 rounds of each attempt."""
ATTEMPTS: Final = (100, 300)
"""How many attempts the answer takes, chosen for each challenge: about a second of one core of a phone, without the
luck of a free search."""
MAX_ANSWER: Final = 4096
_ACTION: Final = "emission"


class AltchaCaptcha:
    """See ``ports.Captcha``."""

    def __init__(self, secret: bytes, clock: Clock, *, cost: int = COST) -> None:
        """``secret``: 32 random bytes, the same in all gateways. Whoever has it solves captchas for nothing."""
        self._sign_key = hmac.digest(secret, b"linkid-altcha-challenge", "sha256")
        self._solve_key = hmac.digest(secret, b"linkid-altcha-solution", "sha256")
        self._clock = clock
        self._cost = cost

    def challenge(self) -> JsonObject:
        """Costs the server one attempt; the answer is then recognised by an HMAC, not recomputed."""
        low, high = ATTEMPTS
        made = altcha.create_challenge(
            ALGORITHM,
            self._cost,
            counter=low + secrets.randbelow(high - low),
            expires_at=int((self._clock.now() + LIFE).timestamp()),
            data={"action": _ACTION},
            hmac_secret=self._sign_key,
            hmac_key_secret=self._solve_key,
        )
        challenge: JsonObject = made.to_dict()
        return challenge

    def verify(self, answer: str) -> Solved:
        """Raises CaptchaInvalid."""
        if len(answer) > MAX_ANSWER:
            raise CaptchaInvalid("too long")
        try:
            payload = altcha.Payload.from_base64(answer)
            result = altcha.verify_solution(payload, self._sign_key, hmac_key_secret=self._solve_key)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as cause:
            raise CaptchaInvalid("not an answer of the widget") from cause
        parameters = payload.challenge.parameters
        if not result.verified or parameters.data != {"action": _ACTION} or not parameters.key_signature:
            raise CaptchaInvalid("expired" if result.expired else "not solved")
        until = datetime.fromtimestamp(int(parameters.expires_at or 0), UTC)
        if until <= self._clock.now():
            raise CaptchaInvalid("expired")
        # Over the signature alone: an answer spelled differently is still the same challenge.
        signature = str(payload.challenge.signature).lower().encode("utf-8", "replace")
        return Solved(hashlib.sha256(b"altcha\x00" + signature).digest(), until)
