"""``linkid integrator``: registering applications, and what they may ask for by themselves.

The roof calls ``arguments`` with its parser and ``perform`` with a service; what is said goes through ``say``.
"""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.errors import LinkIdError
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.errors import BadClientData
from hsm_service.oauth.ports import Webhooks
from hsm_service.oauth.service.clients import ClientService, Registered
from hsm_service.oauth.store import ClientSummary

_EXAMPLE = """\
examples:
  linkid integrator new --name "Contratos SA" --redirect https://contratos.example/callback
      holders identify on our page with their phone (authorization code with PKCE)
  linkid integrator new --name "Folha de pagamento" --by-itself
      the system asks by itself (client credentials), for the credentials allowed with `linkid integrator allow`
  linkid integrator new --name "App" --redirect com.example.app:/callback --auth none
      an application that can keep no secret
  linkid integrator new --name "Banco" --by-itself --auth key --key public.jwk --signs-asks
      it signs each request with its own key, so that not even our gateway can ask in its name
  linkid integrator new --name "ERP" --by-itself --auth tls --tls-subject "dn:CN=erp,O=Contratos SA,C=BR"
      its TLS certificate says who it is; --auth self_signed --certificate cert.pem for one that it signed itself

The name is what phones show, so it is signed with the key of `linkid operator init` and handed to the SAM, which must
be running (linkid serve); then the gateway gets its row. If either fails, the message says so: run the command again.
Whatever an integrator asks for, each signature is approved by its holder on the phone.
"""
_VOUCH = """\
example:
  linkid integrator vouch cli_… --name "Contratos SA"

For an application that the gateway knows and the SAM does not (`caller_unknown`): registered before the SAM was told,
or lost to it in a restored backup. Without --name you are told by which name the gateway has it: compare, then say it.
"""
_WEBHOOK = """\
example:
  linkid integrator webhook cli_… https://contratos.example/link-id

Events are signed; the key is at /.well-known/linkid-webhook-keys of the gateway (docs/integrators.md has a verifier).
In development also plain http to this machine.
"""
_DISABLE = """\
Its tokens end at once; the SAM, told by an order signed with the operator's key, asks nobody in its name any more and
opens nothing for it. If the SAM does not answer, or there is no operator key, the first half is done and the exit code
is 3: run the same command again.
"""


@dataclass(frozen=True)
class Operator:
    """Where an operator's words go."""

    clients: ClientService
    base_url: str
    out: TextIO = sys.stdout
    err: TextIO = sys.stderr
    webhooks: Webhooks | None = None

    def say(self, text: str) -> None:
        """One or more lines."""
        self.out.write(text + "\n")

    def complain(self, text: str) -> None:
        """What went wrong, in a line."""
        self.err.write(text + "\n")


Act: TypeAlias = Callable[[argparse.Namespace, Operator], Awaitable[int]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after ``linkid integrator``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser(
        "new",
        help="register an application",
        description="Register an application.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    new.add_argument("--name", required=True, help="shown to holders on page and phone")
    new.add_argument("--redirect", action="append", default=[], metavar="URI", help="return address; may be repeated")
    new.add_argument("--by-itself", action="store_true", help="client credentials, besides or instead of --redirect")
    new.add_argument(
        "--auth",
        choices=[method.value for method in ClientMethod],
        default="secret",
        help="how it proves itself (%(default)s)",
    )
    new.add_argument("--refresh", action="store_true", help="refresh tokens: holders identify once in thirty days")
    new.add_argument("--tls-subject", metavar="SUBJECT", help="with --auth tls: dn:…, dns:…, uri:…, ip:… or email:…")
    new.add_argument(
        "--certificate", action="append", default=[], type=Path, metavar="FILE", help="with --auth self_signed: PEM"
    )
    _key_arguments(new)
    new.add_argument("--json", action="store_true", help="for programs")
    new.set_defaults(act=_new)
    vouch = actions.add_parser(
        "vouch",
        help="make an application known to the SAM that the gateway has already",
        description="Make an application known to the SAM that the gateway has already.",
        epilog=_VOUCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    vouch.add_argument("client", metavar="CLIENT", help="cli_…")
    vouch.add_argument("--name", help="its name, as phones shall show it")
    _key_arguments(vouch)
    vouch.set_defaults(act=_vouch)
    listing = actions.add_parser("list", help="every application")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(act=_list)
    secret = actions.add_parser("secret", help="replace an application's secret; the old one stops at once")
    secret.add_argument("client", metavar="CLIENT", help="cli_…")
    secret.set_defaults(act=_secret)
    for name, act, about in (
        ("allow", _allow, "let an application ask for a credential by itself"),
        ("disallow", _disallow, "take that back"),
    ):
        one = actions.add_parser(name, help=about)
        one.add_argument("client", metavar="CLIENT", help="cli_…")
        one.add_argument("credential", metavar="CREDENTIAL", help="cred_…, as `linkid certificate list` shows it")
        one.set_defaults(act=act)
    webhook = actions.add_parser(
        "webhook",
        help="where an application is told what became of its requests",
        description="Set, show or drop it.",
        epilog=_WEBHOOK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    webhook.add_argument("client", metavar="CLIENT", help="cli_…")
    webhook.add_argument("url", metavar="URL", nargs="?", help="https to a name on the internet; none: show")
    webhook.add_argument("--off", action="store_true", help="tell it nothing any more")
    webhook.set_defaults(act=_webhook)
    limit = actions.add_parser("limit", help="how often an application may call, at all gateways together")
    limit.add_argument("client", metavar="CLIENT", help="cli_…")
    limit.add_argument("calls", metavar="CALLS", nargs="?", type=int, help="a minute; none: as the settings say")
    limit.set_defaults(act=_limit)
    for name, act, about in (
        ("show-codes", _show_codes, "let an application draw codes for phones on its own page (BirdID's qr_code)"),
        ("hide-codes", _hide_codes, "take that back"),
    ):
        one = actions.add_parser(name, help=about)
        one.add_argument("client", metavar="CLIENT", help="cli_…")
        one.set_defaults(act=act)
    for name, act, about in (
        ("let-read", _let_read, "let a resource server ask what an application's tokens are (introspection)"),
        ("stop-reading", _stop_reading, "take that back"),
    ):
        one = actions.add_parser(name, help=about)
        one.add_argument("reader", metavar="READER", help="cli_…, the resource server")
        one.add_argument("client", metavar="CLIENT", help="cli_…, whose tokens")
        one.set_defaults(act=act)
    disable = actions.add_parser(
        "disable",
        help="shut an application out, and end its tokens",
        description="Shut an application out.",
        epilog=_DISABLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    disable.add_argument("client", metavar="CLIENT", help="cli_…")
    disable.set_defaults(act=_disable)


def _key_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", action="append", default=[], type=Path, metavar="FILE", help="P-256 public key as JWK")
    parser.add_argument("--signs-asks", action="store_true", help="the keys of --key sign each request for signatures")


async def perform(given: argparse.Namespace, operator: Operator) -> int:
    """Do what was asked; the exit code. Mistakes are told in a line, without a traceback."""
    try:
        return int(await given.act(given, operator))
    except LinkIdError as error:
        operator.complain(f"linkid integrator: {error.detail or error.summary}")
        return 1


async def _new(given: argparse.Namespace, operator: Operator) -> int:
    grants = [GrantType.CODE] if given.redirect else []
    grants += [GrantType.CLIENT] if given.by_itself else []
    grants += [GrantType.REFRESH] if given.refresh else []
    if not grants:
        raise BadClientData("say how it will be used: --redirect URI (holders identify), --by-itself, or both")
    registered = await operator.clients.register(
        name=given.name,
        method=ClientMethod(given.auth),
        grants=grants,
        redirects=given.redirect,
        keys=[_key(file) for file in given.key],
        signs_asks=given.signs_asks,
        tls_subject=given.tls_subject,
        certificates=[_certificate(file) for file in given.certificate],
    )
    if given.json:
        operator.say(json.dumps(_facts(registered), ensure_ascii=False))
    else:
        operator.say(card(registered, operator.base_url))
    return 0


async def _vouch(given: argparse.Namespace, operator: Operator) -> int:
    if given.signs_asks != bool(given.key):
        raise BadClientData("--signs-asks and --key FILE go together")
    await operator.clients.vouch(given.client, given.name, [_key(file) for file in given.key])
    operator.say("the SAM knows it; phones show this name")
    return 0


async def _list(given: argparse.Namespace, operator: Operator) -> int:
    found = await operator.clients.all()
    if given.json:
        operator.say(json.dumps([_summary(one) for one in found], ensure_ascii=False))
    elif not found:
        operator.say("no application is registered yet; see: linkid integrator new --help")
    else:
        for one in found:
            state = "" if one.disabled is None else "   (shut out)"
            draws = "   (draws codes)" if one.shows_codes else ""
            operator.say(f"{one.id}  {one.name}  [{one.method}: {', '.join(one.grants)}]{draws}{state}")
            for redirect in one.redirects:
                operator.say(f"{'':32}{redirect}")
    return 0


async def _secret(given: argparse.Namespace, operator: Operator) -> int:
    operator.say(await operator.clients.new_secret(given.client))
    return 0


async def _allow(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.allow(given.client, given.credential)
    operator.say("allowed: it may now ask for this credential by itself; its holder still decides on the phone")
    return 0


async def _disallow(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.disallow(given.client, given.credential)
    operator.say("taken back")
    return 0


async def _webhook(given: argparse.Namespace, operator: Operator) -> int:
    if operator.webhooks is None or (given.off and given.url is not None):
        raise BadClientData("either an address, or --off")
    if given.off:
        operator.say("dropped" if await operator.webhooks.drop(given.client) else "there was none")
        return 0
    if given.url is None:
        operator.say(await operator.webhooks.address(given.client) or "none")
        return 0
    if all(one.id != given.client for one in await operator.clients.all()):
        raise BadClientData(f"{given.client}: no such integrator")
    await operator.webhooks.set(given.client, given.url)
    operator.say("set: it is told there from now on")
    return 0


async def _limit(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.limit_calls(given.client, given.calls)
    operator.say("as the settings say" if given.calls is None else f"{given.calls} calls a minute from now on")
    return 0


async def _show_codes(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.show_codes(given.client, True)
    operator.say(
        "it may draw codes that stay the same for five minutes, so they can be photographed; phones say whose the code "
        "is, and want the number beside it"
    )
    return 0


async def _hide_codes(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.show_codes(given.client, False)
    operator.say("taken back")
    return 0


async def _let_read(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.let_read(given.reader, given.client)
    operator.say("it may now introspect this application's tokens")
    return 0


async def _stop_reading(given: argparse.Namespace, operator: Operator) -> int:
    await operator.clients.stop_reading(given.reader, given.client)
    operator.say("taken back")
    return 0


async def _disable(given: argparse.Namespace, operator: Operator) -> int:
    done = await operator.clients.disable(given.client)
    if operator.webhooks is not None:
        await operator.webhooks.drop(given.client)
    if done.unheard is not None:
        operator.complain(
            f"linkid integrator: shut out at the gateway, but the SAM has not heard of it: {done.unheard}; "
            "then run the same command again"
        )
        return 3
    operator.say("was shut out at the gateway before; the SAM knows" if done.before else "shut out; its tokens ended")
    return 0


def card(registered: Registered, base_url: str) -> str:
    """What the integrator is handed. The secret stands here and nowhere else, ever."""
    client = registered.client
    lines = [
        f"{client.name} is registered.",
        "",
        f"  client_id        {client.id}",
        *([f"  client_secret    {registered.secret}      (shown once; keep it now)"] if registered.secret else []),
        *(f"  redirect_uri     {redirect}" for redirect in client.redirects),
        *(["  its asks         signed by its keys: clientData.ask, or refused"] if registered.signs_asks else []),
        f"  settings         {base_url}/.well-known/oauth-authorization-server",
        f"  signing API      {base_url}/csc/v2/info",
    ]
    if GrantType.CLIENT in client.grants and registered.secret:
        lines += [
            "",
            "try it:",
            f"  curl -s {base_url}/oauth2/token -d grant_type=client_credentials \\",
            f"       -d client_id={client.id} -d client_secret={registered.secret}",
            "",
            f"it may ask for nothing yet: linkid integrator allow {client.id} cred_…   (see: linkid certificate list)",
        ]
    return "\n".join(lines)


def _key(file: Path) -> Mapping[str, object]:
    try:
        value: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise BadClientData(f"{file}: cannot be read as a JWK") from cause
    if not isinstance(value, dict) or "d" in value:
        raise BadClientData(f"{file}: expected a public key as JWK (a private one has no business here)")
    return value


def _certificate(file: Path) -> bytes:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)
    except (OSError, ValueError) as cause:
        raise BadClientData(f"{file}: cannot be read as a certificate (PEM)") from cause


def _facts(registered: Registered) -> dict[str, Any]:
    client = registered.client
    return {
        "client_id": client.id,
        "client_secret": registered.secret,
        "name": client.name,
        "auth": client.method.value,
        "grants": sorted(grant.value for grant in client.grants),
        "redirect_uris": list(client.redirects),
        "signs_asks": registered.signs_asks,
    }


def _summary(one: ClientSummary) -> dict[str, Any]:
    redirects: Sequence[str] = one.redirects
    return {
        "client_id": one.id,
        "name": one.name,
        "auth": one.method,
        "grants": list(one.grants),
        "redirect_uris": list(redirects),
        "shows_codes": one.shows_codes,
        "created": one.created.isoformat(),
        "disabled": None if one.disabled is None else one.disabled.isoformat(),
    }
