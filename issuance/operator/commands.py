"""``linkid operator``, ``linkid request``, ``linkid certificate``: arguments, and what is said about the outcome."""

import argparse
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from foundation.errors import LinkIdError
from issuance.domain.order import REVOCATION_REASONS
from issuance.domain.profile import PROFILES
from issuance.operator.certificates import (
    described,
    detailed,
    list_certificates,
    revoke_certificate,
    show_certificate,
)
from issuance.operator.context import OperatorContext, OperatorMistake
from issuance.operator.house import (
    ACT_NAMES,
    SLOTS,
    countersign_house_order,
    make_house_order,
    show_house_order,
)
from issuance.operator.requests import Wish, card, place_request
from protocol.algorithms import KEY_ALGORITHMS

_OPTION = re.compile(r"\b(?:person\.)?((?<=person\.)[a-z_]+|valid_days)\b")

Act: TypeAlias = Callable[[argparse.Namespace, OperatorContext], Awaitable[int]]

_REQUEST_EXAMPLE = """\
example:
  linkid request new --name "Maria da Silva" --cpf 529.982.247-25 --birth 31/12/1979 \\
                     --email maria@example.com --phone "(31) 99999-8888"

Whoever identified the person signs this order with the key of `linkid operator init`. The AC keeps it until the person
opens the emission page and proves protocol number, CPF and installation password; nobody else can use it, and it is
good for one certificate. The installation password is made here and printed once, or read from the first line of
standard input with `--install-password -` (8 to 15 letters and digits; as an argument everybody on the machine would
see it).
"""
_ORDER_EXAMPLE = """\
example, on two machines:
  linkid hsm status sam                                       serial number and versions, where the token is
  linkid operator order rotate-pepper --serial 3f2a… --version 2 --file pepper-2.order         Ana, on hers
  linkid operator countersign pepper-2.order --act rotate-pepper --serial 3f2a…                Bia, on hers
  linkid hsm rotate-pepper --order pepper-2.order             where the token is; any time within 24 hours

The file holds nothing secret. It is good for this act, this token and this version, once.
"""
_REVOKE_EXAMPLE = f"""\
example:
  linkid certificate revoke --protocol 1000556194 --reason keyCompromise

It is final. OCSP says so at once, the revocation list within minutes, and the SAM signs no more with that key.
If the SAM does not answer, run the same command again: revoking twice changes nothing.

reasons: {", ".join(REVOCATION_REASONS)}
"""


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Mount the three commands. Each sets ``do``, which ``perform`` calls."""
    for name, arguments, about in (
        ("operator", operator_arguments, "make keys of operators, and sign orders about the keys in a token"),
        ("request", request_arguments, "order a certificate for a person"),
        ("certificate", certificate_arguments, "list, show and revoke certificates"),
    ):
        arguments(subparsers.add_parser(name, help=about, description=about))


def operator_arguments(parser: argparse.ArgumentParser) -> None:
    """``linkid operator``."""
    actions = _actions(parser)
    init = _action(
        actions,
        "init",
        "make an operator's key, and pin its public half where AC and SAM look",
        "A second operator takes a name and a --key file of their own.\n"
        "The key file is readable by its owner only. Whoever has it can order certificates: in earnest it belongs on\n"
        "the operator's own machine, and the pin is carried to AC and SAM by hand. Running it again changes nothing.",
    )
    init.add_argument("--name", default="operator", help="a name for the pin, for people (default: %(default)s)")
    _key_file(init)
    init.set_defaults(do=_init)
    order = _action(actions, "order", "sign an order about the keys in a token, for another operator to countersign",
                    _ORDER_EXAMPLE)  # fmt: skip
    order.add_argument("act", choices=ACT_NAMES, metavar="ACT", help=", ".join(ACT_NAMES))
    order.add_argument("--slot", choices=SLOTS, default="sam", help="whose token (default: %(default)s)")
    order.add_argument("--serial", required=True, help="the token's serial number, as `linkid hsm status` shows it")
    order.add_argument("--version", type=int, default=0, metavar="N", help="which version is made or destroyed")
    order.add_argument("--file", type=Path, required=True, help="is made; refused when it is there")
    _key_file(order)
    order.set_defaults(do=_order)
    counter = _action(actions, "countersign", "sign an order that another operator made, if it says what you expect",
                      _ORDER_EXAMPLE)  # fmt: skip
    counter.add_argument("file", type=Path, metavar="FILE")
    counter.add_argument("--act", choices=ACT_NAMES, required=True, metavar="ACT", help="what you expect it to be")
    counter.add_argument("--serial", required=True, help="for which token you expect it")
    _key_file(counter)
    counter.set_defaults(do=_countersign)
    show = _action(actions, "show", "what an order about the keys in a token says, and how many signed it")
    show.add_argument("file", type=Path, metavar="FILE")
    show.set_defaults(do=_show_order)


def request_arguments(parser: argparse.ArgumentParser) -> None:
    """``linkid request``."""
    new = _action(_actions(parser), "new", "order a certificate and print what the holder needs", _REQUEST_EXAMPLE)
    new.add_argument("--name", required=True, help="the person's full name, as in the document")
    new.add_argument("--cpf", required=True, help="with or without punctuation")
    new.add_argument("--birth", required=True, metavar="DATE", help="31/12/1979")
    new.add_argument("--email", required=True)
    new.add_argument("--phone", required=True, help="mobile number with area code; Brazilian unless it begins with +")
    new.add_argument("--nis", default="", help="NIS/PIS, 11 digits")
    new.add_argument("--rg", default="", help="RG number; then --rg-issuer too")
    new.add_argument("--rg-issuer", default="", metavar="ISSUER", help="issuer and state, as SSPMG")
    offered = [name for name, profile in PROFILES.items() if profile.offered]
    new.add_argument("--profile", default="e-cpf-a3", choices=offered, help="product (default: %(default)s)")
    new.add_argument("--key", default="RSA-2048", choices=KEY_ALGORITHMS, help="default: %(default)s")
    new.add_argument("--valid-days", type=int, default=1826, metavar="N", help="default: %(default)s, five years")
    new.add_argument("--protocol", metavar="NUMBER", help="ten digits; made here when left out")
    new.add_argument("--install-password", choices=["-"], metavar="-", help="read it from standard input")
    new.add_argument("--json", action="store_true", help="for programs")
    new.set_defaults(do=_request)


def certificate_arguments(parser: argparse.ArgumentParser) -> None:
    """``linkid certificate``."""
    actions = _actions(parser)
    revoke = _action(actions, "revoke", "end a certificate, for good", _REVOKE_EXAMPLE)
    _target(revoke)
    revoke.add_argument("--reason", required=True, choices=REVOCATION_REASONS, metavar="REASON")
    revoke.add_argument("--json", action="store_true", help="for programs")
    revoke.set_defaults(do=_revoke)
    listing = _action(actions, "list", "what was issued, newest first")
    listing.add_argument("--protocol", metavar="NUMBER")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="default: %(default)s, at most 100")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(do=_list)
    show = _action(actions, "show", "one certificate")
    _target(show)
    form = show.add_mutually_exclusive_group()
    form.add_argument("--pem", action="store_true", help="the certificate itself")
    form.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(do=_show)


async def perform(given: argparse.Namespace, context: OperatorContext) -> int:
    """Do what was asked; the exit code. Mistakes are told in a line, without a traceback."""
    try:
        return int(await given.do(given, context))
    except LinkIdError as error:
        context.complain(f"linkid {given.command}: {_explained(error)}")
        return 1


# --- the acts ----------------------------------------------------------------------------------------------------


async def _init(given: argparse.Namespace, context: OperatorContext) -> int:
    key, made = context.new_key(given.name)
    context.say(f"{'made' if made else 'there already'}: {context.key_file}")
    context.say(f"pinned in {context.operators_file}: {key.jkt}")
    return 0


async def _order(given: argparse.Namespace, context: OperatorContext) -> int:
    order = make_house_order(
        context, act=given.act, slot=given.slot, serial=given.serial, version=given.version, file=given.file
    )
    context.say(f"signed: {order.about()}")
    context.say(f"{given.file} lives for 24 hours, and wants another operator's signature:")
    context.say(f"  linkid operator countersign {given.file} --act {order.act} --serial {order.serial}")
    return 0


async def _countersign(given: argparse.Namespace, context: OperatorContext) -> int:
    order = countersign_house_order(context, act=given.act, serial=given.serial, file=given.file)
    context.say(f"countersigned: {order.about()}")
    return 0


async def _show_order(given: argparse.Namespace, context: OperatorContext) -> int:
    order, signatures = show_house_order(given.file)
    context.say(f"{order.about()}\norder {order.id}, {signatures} of 2 signatures (not verified here)")
    return 0


async def _request(given: argparse.Namespace, context: OperatorContext) -> int:
    wish = Wish(
        name=given.name,
        cpf=given.cpf,
        birth=given.birth,
        email=given.email,
        phone=given.phone,
        nis=given.nis,
        rg=given.rg,
        rg_issuer=given.rg_issuer,
        profile=given.profile,
        key_algorithm=given.key,
        valid_days=given.valid_days,
        protocol=given.protocol,
        install_password=context.read_password() if given.install_password else None,
    )
    placed = await place_request(wish, context)
    context.say(_json(placed.as_json()) if given.json else card(placed))
    return 0


async def _revoke(given: argparse.Namespace, context: OperatorContext) -> int:
    certificate, told = await revoke_certificate(
        context, serial=given.serial, protocol=given.protocol, reason=given.reason
    )
    if given.json:
        context.say(_json({**certificate, "sam": told}))
    else:
        context.say(described(certificate))
    if not told:
        context.complain("revoked at the AC, but the SAM does not know yet: run the same command again")
        return 3
    return 0


async def _list(given: argparse.Namespace, context: OperatorContext) -> int:
    found = await list_certificates(context, protocol=given.protocol, limit=given.limit)
    if given.json:
        context.say(_json(list(found)))
    elif not found:
        context.say("no certificates")
    else:
        for certificate in found:
            context.say(described(certificate))
    return 0


async def _show(given: argparse.Namespace, context: OperatorContext) -> int:
    certificate = await show_certificate(context, serial=given.serial, protocol=given.protocol)
    if given.pem:
        context.say(str(certificate["pem"]).rstrip("\n"))
    else:
        context.say(_json(dict(certificate)) if given.json else detailed(certificate))
    return 0


# --- parts -------------------------------------------------------------------------------------------------------


def _actions(parser: argparse.ArgumentParser) -> Any:
    return parser.add_subparsers(dest="action", metavar="ACTION", required=True)


def _action(actions: Any, name: str, about: str, more: str = "") -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return made


def _key_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key", dest="key_file", type=Path, metavar="FILE", help="this operator's key file (default: under var)"
    )


def _target(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--serial", metavar="HEX", help="serial number, as in the certificate")
    which.add_argument("--protocol", metavar="NUMBER", help="the protocol number it was issued under")


def _explained(error: LinkIdError) -> str:
    if isinstance(error, OperatorMistake):
        return _OPTION.sub(_option, error.detail or error.summary)
    if error.code == "order_invalid":
        return "the AC does not know this operator's key; run `linkid operator init` where its pins are kept"
    if error.code == "not_delivered":
        return f"nobody answers there ({error.detail}); is it running? (linkid serve)"
    return _OPTION.sub(_option, f"{error.summary} {error.detail or ''}".strip())


def _option(field: re.Match[str]) -> str:
    """`person.rg_issuer` of an order, as the operator typed it."""
    return "--" + field[1].replace("_", "-")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
