"""What can go wrong on a phone, as data: a code for programs, a sentence for people."""

from collections.abc import Mapping
from typing import Any, ClassVar


class PhoneError(Exception):
    """The root of everything this package raises on purpose."""

    code: ClassVar[str] = "phone_error"


class Malformed(PhoneError):
    """Bytes that are not the one spelling of anything (section 1)."""

    code = "malformed"


class Untrusted(PhoneError):
    """Something that must come from a trust root and does not, or is not what this place expects (sections 2 and 3)."""

    code = "untrusted"


class Expired(Untrusted):
    """Genuine, and too late."""

    code = "expired"


class WeakParameters(Untrusted):
    """Argon2 below our floor (it would betray the password) or above our ceiling (it would freeze the phone)."""

    code = "weak_parameters"


class BadPassword(PhoneError):
    """Not a usage password by its form: 8 to 15 ASCII letters and digits. Never sent anywhere."""

    code = "bad_password"


class WeakPassword(BadPassword):
    """A usage password that the emission page refuses as too easy to guess. The message is the kind of weakness."""

    code = "weak_password"


class NotReady(PhoneError):
    """Asked for something that this phone cannot do yet (no pairing, no key)."""

    code = "not_ready"


class TimedOut(PhoneError):
    """Nothing of the kind arrived in the time given."""

    code = "timed_out"


class GatewayUnreachable(PhoneError):
    """No answer from the gateway, or one that is not of this protocol."""

    code = "gateway_unreachable"


class GatewayRefused(PhoneError):
    """The gateway answered with an error (section 12).

    ``reason`` is its code (``password_wrong``, ``code_wrong`` …), ``data`` its other members (``tries_left`` …).
    """

    code = "gateway_refused"

    def __init__(self, status: int, reason: str, message: str, data: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.data = data
