"""Numbers of PKCS#11 2.40 that are used here, by the standard's own names."""

from enum import IntEnum
from typing import Final

HANDSHAKE: Final = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"
"""What the first call of every p11-kit client carries."""
UNAVAILABLE: Final = 0xFFFFFFFFFFFFFFFF
"""CK_UNAVAILABLE_INFORMATION."""


class Rv(IntEnum):
    """CKR: what a call ends with."""

    OK = 0x00
    SLOT_ID_INVALID = 0x03
    GENERAL_ERROR = 0x05
    FUNCTION_FAILED = 0x06
    ARGUMENTS_BAD = 0x07
    NO_EVENT = 0x08
    ATTRIBUTE_SENSITIVE = 0x11
    ATTRIBUTE_TYPE_INVALID = 0x12
    DATA_INVALID = 0x20
    DATA_LEN_RANGE = 0x21
    DEVICE_ERROR = 0x30
    DEVICE_REMOVED = 0x32
    FUNCTION_CANCELED = 0x50
    FUNCTION_NOT_SUPPORTED = 0x54
    KEY_HANDLE_INVALID = 0x60
    KEY_FUNCTION_NOT_PERMITTED = 0x68
    MECHANISM_INVALID = 0x70
    MECHANISM_PARAM_INVALID = 0x71
    OBJECT_HANDLE_INVALID = 0x82
    OPERATION_ACTIVE = 0x90
    OPERATION_NOT_INITIALIZED = 0x91
    SESSION_COUNT = 0xB1
    SESSION_HANDLE_INVALID = 0xB3
    SESSION_PARALLEL_NOT_SUPPORTED = 0xB4
    TOKEN_NOT_PRESENT = 0xE0
    CRYPTOKI_NOT_INITIALIZED = 0x190
    CRYPTOKI_ALREADY_INITIALIZED = 0x191


class Refused(Exception):
    """A call ends with something other than CKR_OK."""

    def __init__(self, rv: Rv) -> None:
        super().__init__(rv.name)
        self.rv = rv


class Cka(IntEnum):
    """Attributes that our objects have, and those whose value is no byte string on the wire."""

    CLASS = 0x00
    TOKEN = 0x01
    PRIVATE = 0x02
    LABEL = 0x03
    VALUE = 0x11
    CERTIFICATE_TYPE = 0x80
    ISSUER = 0x81
    SERIAL_NUMBER = 0x82
    TRUSTED = 0x86
    CERTIFICATE_CATEGORY = 0x87
    CHECK_VALUE = 0x90
    KEY_TYPE = 0x100
    SUBJECT = 0x101
    ID = 0x102
    SENSITIVE = 0x103
    ENCRYPT = 0x104
    DECRYPT = 0x105
    WRAP = 0x106
    UNWRAP = 0x107
    SIGN = 0x108
    SIGN_RECOVER = 0x109
    VERIFY = 0x10A
    VERIFY_RECOVER = 0x10B
    DERIVE = 0x10C
    MODULUS = 0x120
    MODULUS_BITS = 0x121
    PUBLIC_EXPONENT = 0x122
    PRIVATE_EXPONENT = 0x123
    COEFFICIENT = 0x128
    EXTRACTABLE = 0x162
    LOCAL = 0x163
    NEVER_EXTRACTABLE = 0x164
    ALWAYS_SENSITIVE = 0x165
    MODIFIABLE = 0x170
    EC_PARAMS = 0x180
    EC_POINT = 0x181
    ALWAYS_AUTHENTICATE = 0x202
    WRAP_WITH_TRUSTED = 0x210


class Ckm(IntEnum):
    """Mechanisms of this token: SHA-2 only, since the service signs nothing else."""

    RSA_PKCS = 0x01
    RSA_PKCS_PSS = 0x0D
    SHA256_RSA_PKCS = 0x40
    SHA384_RSA_PKCS = 0x41
    SHA512_RSA_PKCS = 0x42
    SHA256_RSA_PKCS_PSS = 0x43
    SHA384_RSA_PKCS_PSS = 0x44
    SHA512_RSA_PKCS_PSS = 0x45
    ECDSA = 0x1041
    ECDSA_SHA256 = 0x1044
    ECDSA_SHA384 = 0x1045
    ECDSA_SHA512 = 0x1046


# classes, kinds, flags
CERTIFICATE, PUBLIC_KEY, PRIVATE_KEY = 1, 2, 3
RSA_KEY, EC_KEY = 0, 3
TOKEN_PRESENT, REMOVABLE = 0x1, 0x2
WRITE_PROTECTED, TOKEN_INITIALIZED = 0x2, 0x400
SESSION_RW, SESSION_SERIAL = 0x2, 0x4
RO_PUBLIC, RW_PUBLIC = 0, 2
DONT_BLOCK = 0x1
CKF_HW, CKF_SIGN, CKF_EC = 0x1, 0x800, 0x100000 | 0x800000 | 0x1000000
