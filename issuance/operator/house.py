"""Orders about the keys of the house: one operator makes and signs it, another countersigns it on another machine.

Steps K1 and K2 of docs/walkthroughs/keys-to-the-house.md. The file travels by whatever way; nothing in it is secret.
"""

import os
from pathlib import Path
from typing import Final, get_args

from foundation.errors import JsonValue, LinkIdError
from foundation.ids import new_id
from issuance.operator.context import OperatorContext, OperatorMistake
from protocol.errors import OrderInvalid
from protocol.house import Act, HouseOrder, Slot, countersign, read_house_order
from protocol.orders import sign_order

ACT_NAMES: Final[tuple[str, ...]] = get_args(Act)
SLOTS: Final[tuple[str, ...]] = get_args(Slot)
_MAX_FILE: Final = 16_384


def make_house_order(
    context: OperatorContext, *, act: str, slot: str, serial: str, version: int, file: Path
) -> HouseOrder:
    """K1: the order, signed by this operator, in a new file. Raises OperatorMistake."""
    if version == 0 and act.startswith(("rotate", "retire")):
        raise OperatorMistake("--version: which version is made or destroyed; `linkid hsm status` shows them")
    payload: dict[str, JsonValue] = {
        "v": 1,
        "type": "house",
        "id": new_id("ord"),
        "created": int(context.clock.now().timestamp()),
        "act": act,
        "slot": slot,
        "serial": serial.strip(),
        "version": version,
    }
    line = sign_order(payload, context.key())
    try:
        order = read_house_order(line)
    except OrderInvalid as cause:
        raise OperatorMistake(f"{cause.detail}: check --serial and --version") from None
    _write(file, f"{line}\n", new=True)
    return order


def countersign_house_order(context: OperatorContext, *, act: str, serial: str, file: Path) -> HouseOrder:
    """K2: this operator's signature beside the other's, if the order says what this operator expects.

    Raises OperatorMistake.
    """
    text = _read(file)
    lines = text.split()
    try:
        order = read_house_order(lines[0] if lines else "")
        if (order.act, order.serial) != (act, serial.strip()):
            raise OperatorMistake(f"not signed: the order says {order.about()}")
        both = countersign(text, context.key())
    except OrderInvalid as cause:
        raise OperatorMistake(f"not signed: {cause.detail}") from None
    _write(file, both, new=False)
    return order


def show_house_order(file: Path) -> tuple[HouseOrder, int]:
    """What it says, and how many signatures stand under it; neither is verified. Raises OperatorMistake."""
    lines = _read(file).split()
    try:
        return read_house_order(lines[0] if lines else ""), len(lines)
    except LinkIdError as cause:
        raise OperatorMistake(f"{file}: {cause.detail}") from None


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(_MAX_FILE).decode("ascii")
    except (OSError, UnicodeDecodeError) as cause:
        raise OperatorMistake(f"{file} cannot be read: {cause}") from None


def _write(file: Path, text: str, *, new: bool) -> None:
    """Whole or not at all; an order is never overwritten by another."""
    if new and file.exists():
        raise OperatorMistake(f"{file} is there already; name another file")
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="ascii")
        fresh.replace(file)
    except OSError as cause:
        raise OperatorMistake(f"{file} cannot be written: {cause.strerror}") from None
