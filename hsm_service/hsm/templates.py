"""Attributes of the objects we make, and CKA_UNWRAP_TEMPLATE, which python-pkcs11 does not know."""

import ctypes
from collections.abc import Mapping
from typing import Any, Final

from pkcs11 import Attribute, Mechanism
from pkcs11.attributes import AttributeMapper
from pkcs11.constants import DEFAULT

FORCED: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.TOKEN: False,
}
"""What the KEK forces on whatever it unwraps: nobody reads it, nobody wraps it again, it dies with the session.

Without it whoever has the PIN unwraps a holder's key as readable. The token wants these present and equal."""

UNWRAPPED: Final = {
    **FORCED,
    # python-pkcs11 adds these, which a private key may not have; DEFAULT leaves them out
    Attribute.ENCRYPT: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.LABEL: DEFAULT,
    Attribute.ID: DEFAULT,
}

NEWBORN: Final = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: True, Attribute.TOKEN: False}
"""A holder's key between generation and wrapping: it must be extractable to be wrapped, and is then destroyed."""

FOR_EVER: Final = {
    Attribute.EXTRACTABLE: False,
    Attribute.SENSITIVE: True,
    Attribute.PRIVATE: True,
    Attribute.MODIFIABLE: False,
    Attribute.COPYABLE: False,
}
"""Keys that stay in the token. MODIFIABLE is true unless said otherwise, and then whoever has the PIN gives the KEK
CKA_DECRYPT (measured on SoftHSM 2.6.1) and decrypts blobs block by block; COPYABLE likewise, by way of a copy."""


class _Attribute(ctypes.Structure):
    _fields_ = (("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong))


class Mapper(AttributeMapper):
    """Knows CKA_UNWRAP_TEMPLATE: an array of CK_ATTRIBUTE whose buffers must outlive the call."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Any] = []
        self.register_handler(Attribute.UNWRAP_TEMPLATE, self._pack, lambda packed: packed)

    def _pack(self, template: Mapping[Any, Any]) -> bytes:
        array = (_Attribute * len(template))()
        for index, (kind, value) in enumerate(template.items()):
            packed = self.pack_attribute(kind, value)
            buffer = ctypes.create_string_buffer(packed, len(packed))
            self._kept.append(buffer)
            array[index] = _Attribute(int(kind), ctypes.addressof(buffer), len(packed))
        self._kept.append(array)
        return bytes(array)


def mechanism(number: int) -> Any:
    """A mechanism by its number, also a vendor's, which python-pkcs11 refuses unless it looks like one of its own."""
    try:
        return Mechanism(number)
    except ValueError:
        vendor = int.__new__(Mechanism, number)
        vendor._name_ = f"VENDOR_{number:X}"
        vendor._value_ = number
        return vendor
