"""What goes wrong in PKCS#11, in three kinds, because an outage looks like "no such key".

(a) A *request fault* is the caller's: bad data, a blob that does not unwrap. Answer it.
(b) A *suspect* may be an outage, a lost login, a stale handle. Run the canary: when it sings, try once more with
    everything fresh, and a second failure is a request fault; when it is silent, initialise the module anew.
(c) A *login fault* stops everything: trying a PIN again may lock or wipe a real HSM.

What callers see of each, and what recovers: docs/faults.md.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import pkcs11
from pkcs11 import exceptions as p11

from foundation.errors import Internal, Unavailable


class HsmUnavailable(Unavailable):
    """The HSM does not answer, or not as it should. Nothing was signed that anybody has seen."""

    code = "hsm_unavailable"
    summary = "The key store does not answer. Try again in a moment."
    message = "O cofre de chaves não responde. Tente de novo em instantes."


class TokenBusy(HsmUnavailable):
    """Somebody changes the token, alone in it (``quiet``), for longer than a call waits. Nothing is wrong with it."""


class HsmLoginRefused(Unavailable):
    """The token refuses our PIN. Not tried again in this process: an operator must act."""

    code = "hsm_login_refused"
    summary = "The key store refuses to open. An operator has to look at it."
    message = "O cofre de chaves não abre. Um operador precisa verificar."


class TokenChanged(Unavailable):
    """Another token, or other keys, under the name of ours. Nothing is done with it until it is what it was."""

    code = "hsm_token_changed"
    summary = "The key store is not the one it was. An operator has to look at it."
    message = "O cofre de chaves não é mais o mesmo. Um operador precisa verificar."


class HsmRequestFault(Internal):
    """The HSM is well and refuses what we asked: a blob that does not unwrap, a wrong length."""

    code = "hsm_request_fault"


class HsmKeyMissing(Internal):
    """The HSM is well and a key of ours is not in it."""

    code = "hsm_key_missing"


class StaleHandle(Internal):
    """A handle from before the module was initialised anew: it may name another key now."""

    code = "hsm_stale_handle"


class SlotDamaged(Internal):
    """The slot lacks objects that it had, or has weaker ones than we made."""

    code = "hsm_slot_damaged"


class Kind(Enum):
    """Which of the three."""

    REQUEST = auto()
    SUSPECT = auto()
    LOGIN = auto()


_LOGIN: Final = (
    p11.PinIncorrect,
    p11.PinInvalid,
    p11.PinLenRange,
    p11.PinLocked,
    p11.PinExpired,
    p11.UserPinNotInitialized,
)
_REQUEST: Final = (
    p11.ArgumentsBad,
    p11.AttributeReadOnly,
    p11.AttributeSensitive,
    p11.AttributeTypeInvalid,
    p11.AttributeValueInvalid,
    p11.DataInvalid,
    p11.DataLenRange,
    p11.KeySizeRange,
    p11.KeyTypeInconsistent,
    p11.KeyUnextractable,
    p11.MechanismInvalid,
    p11.MechanismParamInvalid,
    p11.PublicKeyInvalid,
    p11.SignatureInvalid,
    p11.SignatureLenRange,
    p11.TemplateIncomplete,
    p11.TemplateInconsistent,
    p11.WrappedKeyInvalid,
    p11.WrappedKeyLenRange,
)


@dataclass
class Tally:
    """What went wrong since this process began, for ``status``. Counted without a lock: near enough for a picture."""

    request: int = 0
    suspect: int = 0
    login: int = 0
    hanging: int = 0
    renewals: int = 0
    """The module initialised anew, and the token found as it was."""
    renewals_failed: int = 0


def kind_of(error: pkcs11.PKCS11Error) -> Kind:
    """Everything not known to be harmless is suspect: a new CKR of a new vendor must not become "no such key"."""
    if isinstance(error, _LOGIN):
        return Kind.LOGIN
    if isinstance(error, _REQUEST):
        return Kind.REQUEST
    return Kind.SUSPECT
