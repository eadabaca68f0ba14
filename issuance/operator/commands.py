"""``linkid operator``, ``linkid request``, ``linkid certificate``: arguments, and what is said about the outcome."""

import argparse
import json
import re
from collections.abc import Awaitable, Callable
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
_REVOKE_EXAMPLE = f"""\
example:
  linkid certificate revoke --protocol 1000556194 --reason keyCompromise

It is final. OCSP says so at once, the revocation list within minutes, and the SAM signs no more with that key.
If the SAM does not answer, run the same command again: revoking twice changes nothing.

reasons: {", ".join(REVOCATION_REASONS)}
"""


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Mount the three commands. Each sets ``act``, which ``perform`` calls."""
    for name, arguments, about in (
        ("operator", operator_arguments, "make the key that signs orders"),
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
        "make the operator's key, and pin its public half where AC and SAM look",
        "The key file is readable by its owner only. Whoever has it can order certificates: in earnest it belongs on\n"
        "the operator's own machine, and the pin is carried to AC and SAM by hand. Running it again changes nothing.",
    )
    init.add_argument("--name", default="operator", help="a name for the pin, for people (default: %(default)s)")
    init.set_defaults(act=_init)


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
    new.set_defaults(act=_request)


def certificate_arguments(parser: argparse.ArgumentParser) -> None:
    """``linkid certificate``."""
    actions = _actions(parser)
    revoke = _action(actions, "revoke", "end a certificate, for good", _REVOKE_EXAMPLE)
    _target(revoke)
    revoke.add_argument("--reason", required=True, choices=REVOCATION_REASONS, metavar="REASON")
    revoke.add_argument("--json", action="store_true", help="for programs")
    revoke.set_defaults(act=_revoke)
    listing = _action(actions, "list", "what was issued, newest first")
    listing.add_argument("--protocol", metavar="NUMBER")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="default: %(default)s, at most 100")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(act=_list)
    show = _action(actions, "show", "one certificate")
    _target(show)
    form = show.add_mutually_exclusive_group()
    form.add_argument("--pem", action="store_true", help="the certificate itself")
    form.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(act=_show)


async def perform(given: argparse.Namespace, context: OperatorContext) -> int:
    """Do what was asked; the exit code. Mistakes are told in a line, without a traceback."""
    try:
        return int(await given.act(given, context))
    except LinkIdError as error:
        context.complain(f"linkid {given.command}: {_explained(error)}")
        return 1


# --- the acts ----------------------------------------------------------------------------------------------------


async def _init(given: argparse.Namespace, context: OperatorContext) -> int:
    key, made = context.new_key(given.name)
    context.say(f"{'made' if made else 'there already'}: {context.key_file}")
    context.say(f"pinned in {context.operators_file}: {key.jkt}")
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
