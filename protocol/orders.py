"""What an operator orders, signed by the operator's own key (docs/protocol.md section 8)."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from foundation.encoding import JsonObject, b64u, canonical_json
from foundation.ids import is_id
from protocol.algorithms import KeyAlgorithm
from protocol.documents import NAME_CHARACTERS, clean
from protocol.errors import BadKey, OrderInvalid, SignatureInvalid
from protocol.keys import P256Key, sign_raw
from protocol.statements import assemble, open_jws

TYP = "linkid+order"
MAX_BYTES = 16_384
MAX_CLIENT_KEYS = 5
CASE = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,39}$"
CASE_DIGITS = 9

RevocationReason: TypeAlias = Literal[
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]
"""ICP-Brasil knows no suspension, so neither certificateHold nor removeFromCRL."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Person(_Closed):
    """Who the certificate is for, as the registration authority checked it."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    cpf: Annotated[str, Field(pattern=r"^[0-9]{11}$")]
    birth: Annotated[str, Field(pattern=r"^[0-9]{8}$")]
    """ddmmaaaa"""
    email: Annotated[str, Field(min_length=3, max_length=254)]
    phone: Annotated[str, Field(pattern=r"^\+[0-9]{8,15}$")]
    nis: Annotated[str, Field(max_length=11)] = ""
    rg: Annotated[str, Field(max_length=15)] = ""
    rg_issuer: Annotated[str, Field(max_length=10)] = ""


class Company(_Closed):
    """The company of an e-CNPJ; letters are allowed in its number since 2026."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    cnpj: Annotated[str, Field(pattern=r"^[0-9A-Z]{12}[0-9]{2}$")]


class Argon2Members(_Closed):
    """Parameters of the stretch, checked against floors where they are used."""

    m: int
    t: int
    p: int


class Install(_Closed):
    """How the installation password is verified; ``verifier`` is a JWE to the AC's transport key."""

    salt: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
    argon2: Argon2Members
    verifier: Annotated[str, Field(min_length=1, max_length=2048)]


class IssueOrder(_Closed):
    """Make a certificate for this person, once."""

    v: Literal[1]
    type: Literal["issue"]
    id: str
    created: int
    protocol: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    profile: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    key_algorithm: KeyAlgorithm
    person: Person
    company: Company | None
    valid_days: Annotated[int, Field(ge=1, le=1826)]
    install: Install


class RevokeOrder(_Closed):
    """Revoke one certificate, named by its serial or by its protocol number."""

    v: Literal[1]
    type: Literal["revoke"]
    id: str
    created: int
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{1,40}$")] | None = None
    protocol: Annotated[str, Field(pattern=r"^[0-9]{10}$")] | None = None
    reason: RevocationReason


class PublicJwk(_Closed):
    """A P-256 public key; that it is a point of the curve, ``ClientOrder.public_keys`` says."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    y: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class ClientOrder(_Closed):
    """What the SAM shall know about an integrator: the name that phones show, and the keys that sign its asks."""

    v: Literal[1]
    type: Literal["client"]
    id: str
    created: Annotated[int, Field(ge=0, lt=2**40)]
    client: str
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS)]
    """As ``client_name`` leaves it."""
    keys: Annotated[list[PublicJwk], Field(max_length=MAX_CLIENT_KEYS)]
    """None: what it asks is not signed by itself."""
    state: Literal["registered", "disabled"]

    def public_keys(self) -> tuple[P256Key, ...]:
        """Raises BadKey."""
        return tuple(P256Key.from_jwk(key.model_dump()) for key in self.keys)


Identified: TypeAlias = Literal["in-person", "by-video", "by-certificate"]
"""How an operator made sure, before giving a holder something back, that it was the holder who asked."""

ShutReason: TypeAlias = Literal["holder-asked", "suspected-fraud", "by-law"]
"""Why an operator shuts a certificate: for that nobody has to be identified."""


class HolderOrder(_Closed):
    """What an operator does for, or about, a holder: shut a certificate, open it again, admit a phone at once."""

    v: Literal[1]
    type: Literal["holder"]
    id: str
    created: Annotated[int, Field(ge=0, lt=2**40)]
    act: Literal["block", "unblock", "admit"]
    credential: str
    number: Annotated[int, Field(ge=0, lt=2**32)] | None
    """How often the certificate was shut or opened so far, as the operator saw it: what changed since is not what was
    ordered about. So an order is good once, whoever keeps it. None for ``admit``, which is good once by its binding."""
    binding: str | None
    """Of ``admit``: that of the phone that waits."""
    reason: Identified | ShutReason
    case: Annotated[str, Field(pattern=CASE)]
    """Where the operator's own records say more. It stands in the audit: the number of a case, not of a person, so it
    has nine digits at most."""


def client_name(text: str) -> str:
    """A name as an order may have it: clean as phones show it. Empty when nothing of it can be read."""
    name = clean(clean(text, limit=NAME_CHARACTERS), limit=NAME_CHARACTERS)  # what is taken out may join what was apart
    return name if any(char.isalnum() for char in name) else ""


Order: TypeAlias = IssueOrder | RevokeOrder | ClientOrder | HolderOrder

_ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="type")])


def open_order(jws: str, operators: Mapping[str, P256Key]) -> tuple[Order, str]:
    """The order and the ``kid`` of the operator who signed it. Raises OrderInvalid.

    Left to the caller: that each order id is taken once, and that ``created`` is not absurd.
    """
    try:
        payload, operator = open_jws(jws, TYP, operators, max_bytes=MAX_BYTES)
        order = _ORDER.validate_python(payload)
    except SignatureInvalid as cause:
        raise OrderInvalid(cause.detail) from cause
    except ValidationError as cause:
        where = ".".join(str(part) for part in cause.errors()[0]["loc"])
        raise OrderInvalid(f"not an order: {where}") from cause
    if not is_id(order.id, "ord"):
        raise OrderInvalid("an order's id begins with ord_")
    if isinstance(order, RevokeOrder) and (order.serial is None) == (order.protocol is None):
        raise OrderInvalid("a revocation names either a serial or a protocol")
    if isinstance(order, ClientOrder):
        _check_client(order)
    if isinstance(order, HolderOrder):
        _check_holder(order)
    return order, operator


def _check_client(order: ClientOrder) -> None:
    if not is_id(order.client, "cli"):
        raise OrderInvalid("an integrator's id begins with cli_")
    if client_name(order.name) != order.name:
        raise OrderInvalid("name: not as phones show it")
    try:
        keys = order.public_keys()
    except BadKey as cause:
        raise OrderInvalid(f"keys: {cause.detail}") from cause
    if len(set(keys)) != len(keys):
        raise OrderInvalid("keys: each once")


def _check_holder(order: HolderOrder) -> None:
    if not is_id(order.credential, "cred"):
        raise OrderInvalid("a certificate's id begins with cred_")
    if order.act == "admit":
        if order.number is not None or not is_id(order.binding, "bnd"):
            raise OrderInvalid("a phone is admitted by its binding")
    elif order.number is None or order.binding is not None:
        raise OrderInvalid("a block is turned by its number")
    if sum(char.isdigit() for char in order.case) > CASE_DIGITS:
        raise OrderInvalid("case: it has as many digits as a person's number")
    if order.reason not in get_args(ShutReason if order.act == "block" else Identified):
        raise OrderInvalid(f"reason: not one of {order.act}")


def _header(kid: str) -> JsonObject:
    return {"alg": "ES256", "kid": kid, "typ": TYP}


def sign_order(payload: JsonObject, key: ec.EllipticCurvePrivateKey) -> str:
    """What an operator's tool does: the order as JWS."""
    kid = P256Key.from_public(key.public_key()).jkt
    signed = f"{b64u(canonical_json(_header(kid)))}.{b64u(canonical_json(payload))}".encode("ascii")
    return assemble(signed, sign_raw(key, signed))
