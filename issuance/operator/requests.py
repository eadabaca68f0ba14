"""Asking for a certificate: from what an operator typed to a signed order at the AC."""

import asyncio
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import phonenumbers

from foundation.channel import PrivateClient
from foundation.encoding import b64u
from foundation.errors import JsonValue, LinkIdError
from foundation.ids import new_id
from issuance.domain import documents_br
from issuance.domain.install import verifier_members
from issuance.domain.order import ARGON2_DEFAULT, ORDER_LIFE, check_birth, check_email
from issuance.errors import OrderTaken
from issuance.operator.context import OperatorContext, OperatorMistake
from protocol.errors import BadPassword
from protocol.keys import P256Key
from protocol.passwords import SALT_BYTES, check, stretch
from protocol.proofs import encrypt
from protocol.statements import open_root_signed

_READABLE: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody confuses when reading aloud: no l, o, I, O, 0, 1."""
_PASSWORD_LENGTH: Final = 10
_NAME_LENGTH: Final = 200
_MOBILE: Final = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
_NUMBERS_TRIED: Final = 5
_DATE: Final = (re.compile(r"(\d{2})/(\d{2})/(\d{4})\Z"), re.compile(r"(\d{2})(\d{2})(\d{4})\Z"))
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z")


@dataclass(frozen=True)
class Wish:
    """What the operator typed."""

    name: str
    cpf: str
    birth: str
    email: str
    phone: str
    nis: str = ""
    rg: str = ""
    rg_issuer: str = ""
    profile: str = "e-cpf-a3"
    key_algorithm: str = "RSA-2048"
    valid_days: int = 1826
    protocol: str | None = None
    install_password: str | None = None


@dataclass(frozen=True)
class Placed:
    """What the operator hands over. The password is shown once and kept by nobody."""

    order: str
    protocol: str
    install_password: str
    install_password_made: bool
    expires: datetime
    name: str
    cpf: str
    email: str
    phone: str
    emission_page: str

    def as_json(self) -> dict[str, JsonValue]:
        """For ``--json``."""
        return {
            "order": self.order,
            "protocol": self.protocol,
            "install_password": self.install_password,
            "emission_page": self.emission_page,
            "expires": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "name": self.name,
            "cpf": self.cpf,
            "email": self.email,
            "phone": self.phone,
        }


async def place_request(wish: Wish, context: OperatorContext) -> Placed:
    """Step a: check, sign, submit. Raises OperatorMistake, BadCpf, BadOrder, BadPassword, OrderTaken, Unavailable."""
    context.key()  # before anything is typed or sent: without it there is nothing to do
    password = wish.install_password or "".join(secrets.choice(_READABLE) for _ in range(_PASSWORD_LENGTH))
    try:
        check(password)
    except BadPassword:
        raise OperatorMistake("the installation password must have 8 to 15 letters and digits") from None
    person = normalised_person(wish, context.clock.now())
    if wish.protocol is not None and not re.fullmatch(r"[0-9]{10}", wish.protocol):
        raise OperatorMistake("--protocol: ten digits")
    if wish.valid_days < 1:
        raise OperatorMistake("--valid-days: at least 1")
    async with PrivateClient(context.ac, tls=context.tls) as ac:
        transport_key = await _transport_key(ac, context)
        for attempt in range(1, _NUMBERS_TRIED + 1):
            now = context.clock.now()
            order_id, protocol = new_id("ord"), wish.protocol or f"1{secrets.randbelow(10**9):09}"
            salt = secrets.token_bytes(SALT_BYTES)
            stretched = await asyncio.to_thread(stretch, password, salt, ARGON2_DEFAULT)
            payload: dict[str, JsonValue] = {
                "v": 1,
                "type": "issue",
                "id": order_id,
                "created": int(now.timestamp()),
                "protocol": protocol,
                "profile": wish.profile,
                "key_algorithm": wish.key_algorithm,
                "person": person,
                "company": None,
                "valid_days": wish.valid_days,
                "install": {
                    "salt": b64u(salt),
                    "argon2": ARGON2_DEFAULT.members(),
                    "verifier": encrypt(verifier_members(order_id, stretched), transport_key),
                },
            }
            jws = context.sign(payload)
            try:
                await ac.call("orders/submit", {"order": jws})
            except OrderTaken:
                if wish.protocol is not None:
                    raise OperatorMistake(f"protocol {protocol} already has an order; leave --protocol out") from None
                if attempt == _NUMBERS_TRIED:
                    raise
                continue
            break
    return Placed(
        order=order_id,
        protocol=protocol,
        install_password=password,
        install_password_made=wish.install_password is None,
        expires=now + ORDER_LIFE,
        name=wish.name.strip(),
        cpf=str(person["cpf"]),
        email=str(person["email"]),
        phone=str(person["phone"]),
        emission_page=context.emission_page,
    )


def normalised_person(wish: Wish, now: datetime) -> dict[str, JsonValue]:
    """The member ``person``, from what people type. Raises BadCpf, BadOrder, OperatorMistake naming the option."""
    return {
        "name": full_name(wish.name),
        "cpf": documents_br.cpf(wish.cpf),
        "birth": check_birth(birth(wish.birth), now),
        "email": check_email(wish.email.strip()),
        "phone": e164(wish.phone),
        "nis": re.sub(r"[.\- ]", "", wish.nis),
        "rg": re.sub(r"[.\- /]", "", wish.rg).upper(),
        "rg_issuer": re.sub(r"[.\- /]", "", wish.rg_issuer).upper(),
    }


def full_name(text: str) -> str:
    """With single spaces. Raises OperatorMistake."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _NAME_LENGTH:
        raise OperatorMistake(f"--name: the person's full name, up to {_NAME_LENGTH} characters")
    return name


def birth(text: str) -> str:
    """``ddmmaaaa`` from 31/12/1979, 31121979 or 1979-12-31. Raises OperatorMistake."""
    text = text.strip()
    iso = _ISO_DATE.match(text)
    if iso:
        return f"{iso[3]}{iso[2]}{iso[1]}"
    for pattern in _DATE:
        match = pattern.match(text)
        if match:
            return "".join(match.groups())
    raise OperatorMistake("--birth: a date as 31/12/1979")


def e164(text: str) -> str:
    """A number as ``+5531999998888``; without a country it is Brazilian. Raises OperatorMistake."""
    try:
        number = phonenumbers.parse(text, "BR")
    except phonenumbers.NumberParseException:
        raise OperatorMistake("--phone: a telephone number with area code, as (31) 99999-8888") from None
    if not phonenumbers.is_valid_number(number):
        raise OperatorMistake("--phone: no such telephone number; area code and all digits, as (31) 99999-8888")
    if phonenumbers.number_type(number) not in _MOBILE:
        raise OperatorMistake("--phone: not a mobile number; the holder's phone is paired by an SMS to it")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def card(placed: Placed) -> str:
    """What is handed to the holder, in Portuguese; around it what the operator must know, in English as elsewhere."""
    rows = (
        ("Titular", placed.name),
        ("CPF", documents_br.format_cpf(placed.cpf)),
        ("Protocolo", placed.protocol),
        ("Senha de instalação", placed.install_password),
        ("Emissão", placed.emission_page),
        ("Emitir até", placed.expires.strftime("%d/%m/%Y")),
        ("Celular", f"{placed.phone} receberá o código ao vincular o aplicativo"),
    )
    width = max(len(name) for name, _ in rows)
    lines = [
        "The order is placed. Hand this to the holder:",
        "",
        *(f"  {name:<{width}}  {value}" for name, value in rows),
    ]
    if placed.install_password_made:
        lines += ["", "The installation password (Senha de instalação) was made just now and is shown only here."]
    return "\n".join(lines)


async def _transport_key(ac: PrivateClient, context: OperatorContext) -> P256Key:
    """The key to encrypt to, vouched for by the AC's pinned root: a password never goes to whoever answers."""
    statement = (await ac.call("transport"))["statement"]
    try:
        payload = open_root_signed(str(statement), "transport", context.ac_roots(), now=context.clock.now())
        return P256Key.from_jwk(payload.get("key"))
    except OperatorMistake:
        raise
    except LinkIdError as cause:
        raise OperatorMistake(f"who answers at {context.ac} is not the AC that trust.json names ({cause})") from None
