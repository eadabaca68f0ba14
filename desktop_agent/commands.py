"""The commands of `linkid-desktop`: the one place that knows every class. Each function is one command."""

import argparse
import asyncio
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
from pathlib import Path
from typing import Final, TypeAlias

from desktop_agent import VERSION, commands_daemon, commands_window, desk, sight, words
from desktop_agent.client.tls import tls_for
from desktop_agent.domain.stamp import read_stamp
from desktop_agent.errors import INTERRUPTED, AgentError, BadCommand, NotAssociated
from desktop_agent.overview import ELSEWHERE, Doctor, describe, has_window, moment, status_of
from desktop_agent.plan import plan
from desktop_agent.profiles import Profiles
from desktop_agent.setup.plan import Computer
from desktop_agent.ui.page import LocalPage
from desktop_agent.ui.port import AssociationView, SigningView
from desktop_agent.ui.silent import SilentSigning
from desktop_agent.ui.terminal import Screen, TerminalAssociation, TerminalSigning, Typed
from desktop_agent.ui.together import Together

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
    order = desk.Order(
        arguments.server, arguments.trust, arguments.profile, arguments.name, arguments.ca, arguments.keychain
    )
    association = await desk.prepare(Profiles(), order)
    async with AsyncExitStack() as stack:
        views: list[AssociationView] = []
        page_url = None
        if not arguments.no_page:
            page = await stack.enter_async_context(LocalPage(association.wanted.computer_name))
            stack.push_async_callback(page.farewell)
            views.append(page)
            page_url = page.url
            if has_window() and not arguments.no_window:
                await asyncio.to_thread(webbrowser.open, page_url)
        views.insert(0, TerminalAssociation(screen, Typed(), page_url))
        await association.run(Together(*views))


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
                              ("desde", "associated_at"), ("impressão", "trust"), ("chave", "key"),
                              ("", "key_against")):  # fmt: skip
            told = moment(item[member]) if member == "associated_at" else item[member]
            screen.prose(told, f"  {label:<11}", " " * 13)


async def computers(arguments: argparse.Namespace, screen: Screen) -> None:
    """This one; the others are on the phone."""
    found = status_of(Profiles())
    if arguments.json:
        screen.say(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for item in found:
        screen.say(f"{screen.bold(item['name'])}  associado em {moment(item['associated_at'])}, {item['service']}")
        screen.say(f"  {item['computer']}")
        screen.say(f"  para encerrar: linkid-desktop remove --profile {item['profile']}")
    if not found:
        screen.say("Este computador não está associado.")
    screen.prose(ELSEWHERE)


async def certs(arguments: argparse.Namespace, screen: Screen) -> None:
    """Certificates this computer may ask signatures of."""
    found = [describe(item) for item in await desk.credentials(Profiles(), arguments.profile)]
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
        screen.prose(finding.what, f"{'✓' if finding.good else '✗'} ", "  ")
        if finding.advice:
            screen.prose(finding.advice, "    ")
    bad = sum(not finding.good for finding in findings)
    if bad:
        raise AgentError(f"{bad} problema{'s' if bad > 1 else ''} encontrado{'s' if bad > 1 else ''}.", "")


def _day(said: str) -> str:
    year, month, day = said[:10].split("-")
    return f"{day}/{month}/{year}"


# --- sign -------------------------------------------------------------------------------------------------------------


async def sign(arguments: argparse.Namespace, screen: Screen) -> None:
    """PDFs, XML, any file; one approval for all of them."""
    # Here, because pyHanko takes half a second to load, and no other command needs it.
    from desktop_agent.approval import QR_AFTER
    from desktop_agent.sign import Options, Signing

    stamp = None if arguments.stamp is None else read_stamp(arguments.stamp)
    jobs = plan(arguments.files, arguments.output, overwrite=arguments.overwrite, stamp=stamp, beside=arguments.p7s)
    view: SigningView = SilentSigning()
    if not arguments.quiet:
        view = TerminalSigning(screen, Typed(), interactive=sys.stdin.isatty() and screen.live, files=len(jobs))
    options = Options(
        credential=arguments.certificate,
        reason=arguments.reason,
        overwrite=arguments.overwrite,
        qr_after=0.0 if arguments.qr else QR_AFTER,
    )
    profile, trust, caller = await desk.opened(Profiles(), arguments.profile)
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
    ended = await desk.end(profiles, arguments.profile, offline=arguments.offline)
    screen.say("A associação foi encerrada e a chave deste computador, apagada.")
    if not ended:
        screen.say("O serviço não foi avisado: remova este computador também no aplicativo do celular.")


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
    add("computers", computers, "mostra este computador, e onde estão os outros").options.add_argument(
        "--json", action="store_true", help="para programas"
    )
    add("certs", certs, "lista os certificados que podem assinar daqui").options.add_argument(
        "--json", action="store_true", help="para programas"
    )
    _sign_options(add("sign", sign, "assina PDFs, XML e outros arquivos, com aprovação no celular", _SIGN))
    removing = add("remove", remove, "encerra a associação e apaga a chave deste computador")
    removing.options.add_argument("--yes", action="store_true", help="não pergunta")
    removing.options.add_argument("--offline", action="store_true", help="só apaga aqui, sem avisar o serviço")
    add("doctor", doctor, "procura a causa quando algo não funciona, ou um programa não vê o certificado")
    commands_daemon.add_to(add)
    commands_window.add_to(add)
    return parser


_WHICH: Final = "qual associação, se há mais de uma (linkid-desktop status mostra os nomes)"
_ASSOCIATE: Final = """
Mostra um QR Code no terminal e em uma página deste computador. Leia-o com o aplicativo Link ID, confirme no celular o
nome deste computador, e digite aqui os 3 números que o celular mostrar.
"""
_SIGN: Final = """
O celular mostra o nome do arquivo, este computador e um código de verificação: aprove se o código for o mesmo da tela.
O original nunca é alterado; assinaturas que o PDF já tem continuam válidas. PDFs são assinados por dentro (PAdES), XML
também (XAdES); de qualquer outro arquivo a assinatura fica ao lado (CAdES, .p7s). De uma pasta são assinados os PDFs.
"""


def _associate_options(command: words.Parser) -> None:
    add = command.options.add_argument
    add(
        "--server",
        metavar="ENDEREÇO",
        default=os.environ.get("LINKID_SERVER"),
        help=f"endereço do aplicativo Link ID (padrão: o da associação anterior, ou {desk.DEFAULT_SERVER})",
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
        choices=("tpm", "keyring", "file"),
        help="onde guardar a chave: TPM, chaveiro do sistema (keyring), arquivo (file); padrão: o primeiro que houver",
    )
    add("--no-window", action="store_true", help="não abre o navegador (o endereço da página aparece aqui)")
    add("--no-page", action="store_true", help="só o terminal, nenhuma página")


def _sign_options(command: words.Parser) -> None:
    command.add_argument(
        "files", metavar="ARQUIVO", nargs="+", type=Path, help="um ou mais arquivos, ou pastas de PDFs"
    )
    add = command.options.add_argument
    add(
        "-o",
        "--output",
        metavar="SAÍDA",
        type=Path,
        help="nome do resultado, ou pasta (padrão: ARQUIVO-assinado.pdf, ARQUIVO-assinado.xml, ARQUIVO.p7s)",
    )
    add("--certificate", metavar="ID", help="qual certificado: começo do número, ou parte do nome do titular")
    add("--p7s", action="store_true", help="a assinatura ao lado do arquivo, também de PDFs e XML")
    add("--reason", metavar="TEXTO", help="motivo, que fica escrito na assinatura (PDFs)")
    add(
        "--stamp",
        metavar="ONDE",
        nargs="?",
        const="última",
        help="carimbo visível: página (padrão: a última), ou 2:10,80 (página 2, 10%% da esquerda, 80%% do topo)",
    )
    add("--qr", action="store_true", help="mostra logo o QR do pedido (senão, só se o celular demorar)")
    add("--overwrite", action="store_true", help="substitui um resultado anterior (nunca o original)")
    add("--quiet", action="store_true", help="não mostra nada; o código de saída diz tudo")
