"""The commands of `linkid-desktop`: the one place that knows every class. Each function is one command."""

import argparse
import asyncio
import getpass
import io
import json
import os
import platform
import signal
import sys
import tempfile
import traceback
import webbrowser
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from desktop_agent import VERSION, commands_daemon, keychain, sight, words
from desktop_agent.associate import Ceremony, Wanted, fetch_trust, make_room
from desktop_agent.client.csc_client import CscClient
from desktop_agent.client.http import Caller
from desktop_agent.client.links import Links
from desktop_agent.client.tls import tls_for
from desktop_agent.domain.trust import Trust, read_trust
from desktop_agent.errors import INTERRUPTED, AgentError, BadCommand, KeychainProblem, NoConnection, NotAssociated
from desktop_agent.overview import Doctor, describe, has_window, own_system, status_of
from desktop_agent.plan import plan
from desktop_agent.profiles import Profile, Profiles
from desktop_agent.setup.plan import Computer
from desktop_agent.ui.page import LocalPage
from desktop_agent.ui.port import AssociationView, SigningView
from desktop_agent.ui.silent import SilentSigning
from desktop_agent.ui.terminal import Screen, TerminalAssociation, TerminalSigning, Typed
from desktop_agent.ui.together import Together

DEFAULT_SERVER: Final = "http://localhost:8440"
"""A service on this very machine. Whoever runs Link ID for others says their address in --server or LINKID_SERVER."""

Command: TypeAlias = Callable[[argparse.Namespace, Screen], Awaitable[None]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Answers the exit status; the table is in `--help`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without accents is no reason to fail
    screen = Screen()
    try:
        arguments = build_parser().parse_args(argv)
        asyncio.run(_until_done_or_told_to_stop(arguments.run(arguments, screen)))
    except AgentError as error:
        screen.clear()
        sys.stderr.write(f"{error}\n" + (f"{error.advice}\n" if error.advice else ""))
        return error.exit_status
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.clear()
        sys.stderr.write("\nInterrompido.\n")
        return INTERRUPTED
    except BrokenPipeError:  # `linkid-desktop certs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        screen.clear()
        what = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"O sistema recusou o que era preciso fazer. {what}{words.of_system(error)}.\n")
        return AgentError.exit_status
    except Exception:  # a fault of ours: people get a sentence, whoever helps them the rest
        screen.clear()
        sys.stderr.write(f"Algo inesperado aconteceu. Avise o suporte do Link ID e envie o arquivo {_trace()}\n")
        return AgentError.exit_status
    return 0


def _trace() -> str:
    """Where the exception of the moment is written down."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="linkid-desktop-", suffix=".txt", delete=False
        ) as to:
            to.write(f"linkid-desktop {VERSION}, {platform.platform()}, Python {sys.version}\n{traceback.format_exc()}")
            return to.name
    except OSError:
        return "\n" + traceback.format_exc()


async def _until_done_or_told_to_stop(command: Awaitable[None]) -> None:
    """SIGTERM ends a command as Ctrl-C does: what was asked of the phone is withdrawn first."""
    task = asyncio.ensure_future(command)
    with suppress(NotImplementedError):  # Windows has no signal handlers in its loop
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


# --- associate --------------------------------------------------------------------------------------------------------


async def associate(arguments: argparse.Namespace, screen: Screen) -> None:
    """QR in the terminal and on a local page; ends with a profile."""
    profiles = Profiles()
    before = _before(profiles, arguments)
    ca = str(arguments.ca.resolve()) if arguments.ca else before and before[0].ca
    tls = tls_for(ca)
    server = arguments.server or (before[1].app if before else DEFAULT_SERVER)
    trust = _trust_from(arguments.trust) if arguments.trust else await fetch_trust(server, tls)
    wanted = Wanted(
        profile=arguments.profile or (before[0].name if before else trust.environment),
        computer_name=arguments.name or (before[0].computer_name if before else _computer_name()),
        system=own_system(),
        ca=ca,
    )
    if wanted.profile in profiles.names() and not await make_room(profiles, wanted.profile, tls_for):
        raise _already(*profiles.choose(wanted.profile))
    chain = await keychain.choose(profiles.home, arguments.keychain)
    async with AsyncExitStack() as stack:
        views: list[AssociationView] = []
        page_url = None
        if not arguments.no_page:
            page = await stack.enter_async_context(LocalPage(wanted.computer_name))
            stack.push_async_callback(page.farewell)
            views.append(page)
            page_url = page.url
            if has_window() and not arguments.no_window:
                await asyncio.to_thread(webbrowser.open, page_url)
        views.insert(0, TerminalAssociation(screen, Typed(), page_url))
        made = await Ceremony(profiles, chain, Together(*views), tls=tls).run(trust, wanted)
    if before is not None and before[0].name == made.name:
        await keychain.replace(profiles.home, before[0], made)
    await commands_daemon.tell_daemon()


def _before(profiles: Profiles, arguments: argparse.Namespace) -> tuple[Profile, Trust] | None:
    """The association that a new one, for which nothing else was said, is to renew: same service, name and place."""
    with suppress(AgentError):
        profile, trust = profiles.choose(arguments.profile)
        if arguments.trust is None and arguments.server in (None, trust.app):
            return profile, trust
    return None


def _already(profile: Profile, trust: Trust) -> BadCommand:
    named = "" if profile.name == trust.environment else f" --profile {profile.name}"
    return BadCommand(
        f"Este computador já está associado em {trust.app} como “{profile.computer_name}”.",
        f"Para assinar: linkid-desktop sign ARQUIVO.pdf. Para trocar: linkid-desktop remove{named}, e associe de novo. "
        "Para ter mais uma associação: --profile OUTRO-NOME.",
    )


def _trust_from(path: Path) -> Trust:
    try:
        return read_trust(path.read_bytes())
    except OSError as cause:
        raise BadCommand(f"Não foi possível ler {path}: {words.of_system(cause)}.") from cause


def _computer_name() -> str:
    """What the phone will show: who, on which machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    host = platform.node().partition(".")[0] or "computador"
    return f"{host} ({user})"[:60] if user else host[:60]


# --- what is known ----------------------------------------------------------------------------------------------------


async def status(arguments: argparse.Namespace, screen: Screen) -> None:
    """Associations of this computer, without asking the service."""
    found = status_of(Profiles())
    if arguments.json:
        screen.say(json.dumps(found, indent=1, ensure_ascii=False))
        return
    if not found:
        raise NotAssociated("Este computador ainda não está associado a um celular.")
    for item in found:
        screen.say(f"{screen.bold(item['name'])}  {item['state']}")
        for label, member in (("serviço", "service"), ("perfil", "profile"), ("computador", "computer"),
                              ("desde", "associated_at"), ("chave", "key"), ("impressão", "trust")):  # fmt: skip
            screen.say(f"  {label:<11}{_moment(item[member]) if member == 'associated_at' else item[member]}")


async def certs(arguments: argparse.Namespace, screen: Screen) -> None:
    """Certificates this computer may ask signatures of."""
    profile, _, caller = await _open(arguments)
    async with caller:
        found = [describe(item) for item in await CscClient(caller, profile.computer).credentials()]
    if arguments.json:
        screen.say(json.dumps(found, indent=1, ensure_ascii=False))
        return
    if not found:
        screen.say("Nenhum certificado está disponível neste computador.")
    for item in found:
        state = "pode assinar" if item["usable"] else "não pode ser usado (revogado, suspenso ou vencido)"
        screen.say(f"{screen.bold(item['holder'])}  {state}")
        screen.say(f"  {'número':<11}{item['id']}")
        screen.say(f"  {'emissor':<11}{item['issuer']}")
        screen.say(f"  {'validade':<11}{_day(item['valid_from'])} a {_day(item['valid_to'])}")


async def doctor(arguments: argparse.Namespace, screen: Screen) -> None:
    """From here to the service, one thing after the other."""
    profiles = Profiles()
    findings = await Doctor(profiles, arguments.profile, tls_for).run()
    if os.name == "posix":
        findings += await sight.look(profiles, Computer.ours())
    for finding in findings:
        screen.say(f"{'✓' if finding.good else '✗'} {finding.what}")
        if finding.advice:
            screen.say(f"    {finding.advice}")
    bad = sum(not finding.good for finding in findings)
    if bad:
        raise AgentError(f"{bad} problema{'s' if bad > 1 else ''} encontrado{'s' if bad > 1 else ''}.", "")


def _moment(moment: str) -> str:
    """In this computer's time."""
    with suppress(ValueError):
        return datetime.fromisoformat(moment).astimezone().strftime("%d/%m/%Y, %H:%M")
    return moment


def _day(moment: str) -> str:
    year, month, day = moment[:10].split("-")
    return f"{day}/{month}/{year}"


# --- sign -------------------------------------------------------------------------------------------------------------


async def sign(arguments: argparse.Namespace, screen: Screen) -> None:
    """PDFs, one approval for all of them."""
    # Here, because pyHanko takes half a second to load, and no other command needs it.
    from desktop_agent.approval import QR_AFTER
    from desktop_agent.sign import Options, Signing

    jobs = plan(arguments.files, arguments.output, overwrite=arguments.overwrite)
    view: SigningView = SilentSigning()
    if not arguments.quiet:
        view = TerminalSigning(screen, Typed(), interactive=sys.stdin.isatty() and screen.live)
    options = Options(
        credential=arguments.certificate,
        reason=arguments.reason,
        overwrite=arguments.overwrite,
        qr_after=0.0 if arguments.qr else QR_AFTER,
    )
    profile, trust, caller = await _open(arguments)
    async with caller:
        await Signing(caller, profile.computer, trust, view, options).run(jobs)


# --- remove -----------------------------------------------------------------------------------------------------------


async def remove(arguments: argparse.Namespace, screen: Screen) -> None:
    """End the association, there and here."""
    profiles = Profiles()
    profile, trust = profiles.choose(arguments.profile)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise BadCommand("Falta confirmar.", "Em programas, use --yes.")
        screen.ask(f"Encerrar a associação de “{profile.computer_name}” em {trust.app}? [s/N] ")
        if (await Typed().line()).casefold() not in ("s", "sim"):
            screen.say("Nada foi alterado.")
            return
    ended = False
    chain = keychain.named(profile.keychain, profiles.home)
    if not arguments.offline:
        try:
            key = await chain.load(profile)
            async with Caller(trust.gateway, key, tls=tls_for(profile.ca)) as caller:
                ended = await Links(caller, trust.app).end_association(profile.computer)
        except NoConnection as error:
            advice = "Repita mais tarde. Para apagar só aqui: linkid-desktop remove --offline"
            raise NoConnection(str(error), advice) from error
        except KeychainProblem:  # without its key nothing can be said in this computer's name
            pass
    with suppress(AgentError):
        await chain.forget(profile)
    profiles.forget(profile.name)
    await commands_daemon.tell_daemon()
    screen.say("A associação foi encerrada e a chave deste computador, apagada.")
    if not ended:
        screen.say("O serviço não foi avisado: remova este computador também no aplicativo do celular.")


# --- shared -----------------------------------------------------------------------------------------------------------


async def _open(arguments: argparse.Namespace) -> tuple[Profile, Trust, Caller]:
    """The chosen association, ready to call."""
    profiles = Profiles()
    profile, trust = profiles.choose(arguments.profile)
    key = await keychain.named(profile.keychain, profiles.home).load(profile)
    return profile, trust, Caller(trust.gateway, key, tls=tls_for(profile.ca))


def build_parser() -> words.Parser:
    """The command line."""
    parser = words.Parser("linkid-desktop", words.ABOUT, words.epilog(Profiles().home))
    parser.options.add_argument(
        "--version", action="version", version=f"linkid-desktop {VERSION}", help="mostra a versão"
    )
    commands = parser.add_subparsers(title="comandos", metavar="COMANDO", required=True, parser_class=words.Parser)

    def add(name: str, run: Command, about: str, more: str = "", which: str = _WHICH) -> words.Parser:
        command: words.Parser = commands.add_parser(
            name, help=about, description=f"{about[0].upper()}{about[1:]}.\n{more}"
        )
        command.set_defaults(run=run)
        command.options.add_argument("--profile", metavar="NOME", default=os.environ.get("LINKID_PROFILE"),
                                     help=which)  # fmt: skip
        return command

    keep_as = "com que nome guardar a associação, para ter mais de uma (padrão: o nome do ambiente)"
    _associate_options(
        add("associate", associate, "associa este computador ao seu celular, por QR Code", _ASSOCIATE, keep_as)
    )
    add("status", status, "mostra as associações deste computador").options.add_argument(
        "--json", action="store_true", help="para programas"
    )
    add("certs", certs, "lista os certificados que podem assinar daqui").options.add_argument(
        "--json", action="store_true", help="para programas"
    )
    _sign_options(add("sign", sign, "assina PDFs (PAdES), com aprovação no celular", _SIGN))
    removing = add("remove", remove, "encerra a associação e apaga a chave deste computador")
    removing.options.add_argument("--yes", action="store_true", help="não pergunta")
    removing.options.add_argument("--offline", action="store_true", help="só apaga aqui, sem avisar o serviço")
    add("doctor", doctor, "procura a causa quando algo não funciona, ou um programa não vê o certificado")
    commands_daemon.add_to(add)
    return parser


_WHICH: Final = "qual associação, se há mais de uma (linkid-desktop status mostra os nomes)"
_ASSOCIATE: Final = """
Mostra um QR Code no terminal e em uma página deste computador. Leia-o com o aplicativo Link ID, confirme no celular o
nome deste computador, e digite aqui os 3 números que o celular mostrar.
"""
_SIGN: Final = """
O celular mostra o nome do arquivo, este computador e um código de verificação: aprove se o código for o mesmo da tela.
O original nunca é alterado; assinaturas que o PDF já tem continuam válidas.
"""


def _associate_options(command: words.Parser) -> None:
    add = command.options.add_argument
    add(
        "--server",
        metavar="ENDEREÇO",
        default=os.environ.get("LINKID_SERVER"),
        help=f"endereço do aplicativo Link ID (padrão: o da associação anterior, ou {DEFAULT_SERVER})",
    )
    add(
        "--trust",
        metavar="ARQUIVO",
        type=Path,
        help="trust.json recebido por outro caminho, em vez de buscá-lo em --server",
    )
    add("--name", metavar="NOME", help="como o celular chama este computador (padrão: nome da máquina e do usuário)")
    add("--ca", metavar="ARQUIVO", type=Path, help="autoridades https de uma rede própria (PEM)")
    add(
        "--keychain",
        choices=("keyring", "file"),
        help="onde guardar a chave: chaveiro do sistema (keyring) ou arquivo (file); padrão: o chaveiro, se funcionar",
    )
    add("--no-window", action="store_true", help="não abre o navegador (o endereço da página aparece aqui)")
    add("--no-page", action="store_true", help="só o terminal, nenhuma página")


def _sign_options(command: words.Parser) -> None:
    command.add_argument("files", metavar="ARQUIVO.pdf", nargs="+", type=Path, help="um ou mais PDFs")
    add = command.options.add_argument
    add(
        "-o",
        "--output",
        metavar="SAÍDA",
        type=Path,
        help="nome do PDF assinado, ou pasta (padrão: ARQUIVO-assinado.pdf)",
    )
    add("--certificate", metavar="ID", help="qual certificado: começo do número, ou parte do nome do titular")
    add("--reason", metavar="TEXTO", help="motivo, que fica escrito na assinatura")
    add("--qr", action="store_true", help="mostra logo o QR do pedido (senão, só se o celular demorar)")
    add("--overwrite", action="store_true", help="substitui um resultado anterior (nunca o original)")
    add("--quiet", action="store_true", help="não mostra nada; o código de saída diz tudo")
