"""What became of orders: listing certificates, and ending them."""

from collections.abc import Mapping, Sequence

from foundation.channel import PrivateClient
from foundation.errors import JsonObject, JsonValue, LinkIdError
from foundation.ids import new_id
from issuance.operator.context import OperatorContext, OperatorMistake

_DIGITS = frozenset("0123456789abcdef")


async def revoke_certificate(
    context: OperatorContext, *, serial: str | None, protocol: str | None, reason: str
) -> tuple[JsonObject, bool]:
    """Order the end of a certificate, and tell the SAM. The certificate as listed, and whether the SAM took it.

    Raises OperatorMistake, CertificateUnknown, OrderInvalid (our key is not pinned there), Unavailable.
    """
    payload: dict[str, JsonValue] = {
        "v": 1,
        "type": "revoke",
        "id": new_id("ord"),
        "created": int(context.clock.now().timestamp()),
        "reason": reason,
    }
    payload |= {"serial": serial_number(serial)} if serial is not None else {"protocol": protocol}
    jws = context.sign(payload)
    async with PrivateClient(context.ac, tls=context.tls) as ac:
        revocation = (await ac.call("certificates/revoke", {"order": jws}))["revocation"]
        found = await _listed(ac, serial=payload.get("serial"), protocol=protocol)
    try:
        async with PrivateClient(list(context.sams), tls=context.tls) as sam:
            await sam.call("credentials/revoke", {"revocation": revocation})
    except (LinkIdError, ValueError) as cause:
        context.complain(f"the SAM did not take the revocation ({cause})")
        return found[0], False
    return found[0], True


async def list_certificates(context: OperatorContext, *, protocol: str | None, limit: int) -> Sequence[JsonObject]:
    """Issued certificates, newest first."""
    async with PrivateClient(context.ac, tls=context.tls) as ac:
        return await _listed(ac, protocol=protocol, limit=limit, may_be_empty=True)


async def show_certificate(context: OperatorContext, *, serial: str | None, protocol: str | None) -> JsonObject:
    """One certificate. Raises OperatorMistake when there is none."""
    async with PrivateClient(context.ac, tls=context.tls) as ac:
        wanted = None if serial is None else serial_number(serial)
        return (await _listed(ac, serial=wanted, protocol=protocol))[0]


def serial_number(text: str) -> str:
    """Lower-case hex without leading zeros, from 0A:1B:… as openssl and browsers show it. Raises OperatorMistake."""
    plain = text.strip().lower().removeprefix("0x").replace(":", "").replace(" ", "").lstrip("0")
    if not plain or not set(plain) <= _DIGITS or len(plain) > 40:
        raise OperatorMistake("--serial: a serial number in hexadecimal")
    return plain


def described(certificate: JsonObject) -> str:
    """One line of a list."""
    state = str(certificate["state"])
    if certificate.get("reason"):
        state += f" ({certificate['reason']}, {str(certificate.get('revoked_at'))[:10]})"
    until = str(certificate["valid_to"])[:10]
    who = _common_name(str(certificate["subject"]))
    return f"{certificate['serial']}  {certificate.get('credential') or '-':<31}  {who}  until {until}  {state}"


def detailed(certificate: JsonObject) -> str:
    """Every member but the PEM, as lines."""
    names = ("serial", "subject", "valid_from", "valid_to", "state", "revoked_at", "reason", "credential", "order")
    return "\n".join(f"{name:<11} {certificate[name]}" for name in names if certificate.get(name) is not None)


def _common_name(subject: str) -> str:
    return next((part.removeprefix("CN=") for part in subject.split(",") if part.startswith("CN=")), subject)


async def _listed(
    ac: PrivateClient,
    *,
    serial: JsonValue = None,
    protocol: str | None = None,
    limit: int = 1,
    may_be_empty: bool = False,
) -> Sequence[JsonObject]:
    body: dict[str, JsonValue] = {"limit": limit}
    if serial is not None:
        body["serial"] = serial
    if protocol is not None:
        body["protocol"] = protocol
    found = (await ac.call("certificates/list", body)).get("certificates")
    rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
    if not rows and not may_be_empty:
        raise OperatorMistake("there is no certificate of that number")
    return rows
