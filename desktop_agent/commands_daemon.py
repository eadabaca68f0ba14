"""The commands about the daemon and the programs that it serves: `setup`, `sessions`, `sites`, `history`, `verify`."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from desktop_agent import places, words
from desktop_agent.daemon.control import call
from desktop_agent.daemon.diary import Diary
from desktop_agent.errors import AgentError, BadCommand, NoConnection, UnsuitablePdf
from desktop_agent.overview import site_row, told
from desktop_agent.profiles import Profiles
from desktop_agent.setup.parts import State, remove_file
from desktop_agent.setup.plan import Computer, make, undo_order
from desktop_agent.setup.record import Record
from desktop_agent.ui.terminal import Screen, Typed

Command: TypeAlias = Callable[[argparse.Namespace, Screen], Awaitable[None]]
Add: TypeAlias = Callable[..., words.Parser]

SESSION_ENDED: Final = "A sessão foi encerrada."
SESSION_FORGOTTEN: Final = (
    "Este computador não usará mais a sessão, mas o serviço não respondeu: para encerrá-la de vez, use o celular."
)
FAMILIES: Final = {"documento": ("RSA-PKCS1", "SHA-256"), "tls": ("RSA-PSS", "SHA-256"), "ec": ("ECDSA", "SHA-256"),
                   "ssh": ("RSA-PKCS1", "SHA-512")}  # fmt: skip


def add_to(add: Add) -> None:
    """Our part of the command line."""
    setting = add("setup", setup, "mostra o certificado a todos os programas deste usuário", _SETUP)
    setting.options.add_argument("--undo", action="store_true", help="desfaz o que este comando fez")
    setting.options.add_argument("--dry-run", action="store_true", help="só mostra o que faria")
    setting.options.add_argument("--yes", action="store_true", help="não pergunta")
    add("daemon", daemon, "serve o certificado aos programas (o systemd o inicia sozinho)")
    session = add("sessions", sessions, "abre, mostra e encerra sessões: uma aprovação, várias assinaturas", _SESSIONS)
    session.options.add_argument("--open", metavar="TEMPO", help="por quanto tempo: 10m, 2h, 1d")
    session.options.add_argument("--count", metavar="N", type=int, default=20, help="quantas assinaturas (padrão: 20)")
    session.options.add_argument("--program", metavar="NOME", help="só para este programa (como em history)")
    session.options.add_argument("--for", dest="use", choices=sorted(FAMILIES), default="documento",
                                 help="documento (padrão), tls, ssh ou ec (certificado de curva elíptica)")  # fmt: skip
    session.options.add_argument("--purpose", metavar="TEXTO", help="o que o celular mostra")
    session.options.add_argument("--certificate", metavar="ID", help="qual certificado, se há mais de um")
    session.options.add_argument("--forget", metavar="SESSÃO", help="encerra uma sessão")
    session.options.add_argument("--json", action="store_true", help="para programas")
    allowed = add("sites", sites, "mostra e retira os sites que podem ver o certificado", _SITES)
    allowed.options.add_argument("--forget", metavar="SITE", help="retira um site: https://portal.exemplo")
    allowed.options.add_argument("--json", action="store_true", help="para programas")
    told = add("history", history, "mostra o que os programas pediram, e o que está no celular agora")
    told.options.add_argument("-n", metavar="N", type=int, default=20, help="quantas linhas (padrão: 20)")
    told.options.add_argument("--json", action="store_true", help="para programas")
    checking = add("verify", verify, "confere as assinaturas de PDFs, XML e .p7s (integridade)", _VERIFY)
    checking.add_argument("files", metavar="ARQUIVO", nargs="+", type=Path, help="PDF, XML, ou .p7s ao lado do arquivo")
    checking.options.add_argument("--json", action="store_true", help="para programas")


_SETUP: Final = """
Escreve um módulo do p11-kit, os sockets do systemd, e acrescenta o módulo ao Firefox e ao Chromium. Mostra antes o que
fará; não substitui nada que não tenha escrito; --undo desfaz exatamente o que foi feito.
"""
_SESSIONS: Final = """
Uma sessão é aprovada uma vez no celular e vale por um tempo e um número de assinaturas. Serve a programas que assinam
mais de uma vez (pdfsig) ou que não esperam (navegadores). Quem a abriu a encerra quando quiser: aqui, com --forget, ou
no celular.
"""
_SITES: Final = """
Na primeira vez que um site quer ver o certificado neste computador, o celular pergunta; a resposta vale até que o site
seja retirado. O que ele pede para assinar é sempre aprovado à parte. Um site recusado não pergunta de novo por 10
minutos, a não ser que seja retirado.
"""
_VERIFY: Final = """
Diz de cada assinatura se ela está íntegra e se o documento mudou depois. Não diz se a autoridade que emitiu o
certificado é de confiança: para isso use o verificador da ICP-Brasil.
"""


def _control() -> Path:
    return places.runtime_folder(Profiles().home) / places.CONTROL


async def daemon(_arguments: argparse.Namespace, _screen: Screen) -> None:
    """Until it is told to stop. Reached only with options: `__main__` starts it without loading all of this."""
    from desktop_agent.daemon.process import run

    await run([])


async def setup(arguments: argparse.Namespace, screen: Screen) -> None:
    """Shown, asked, done; or undone."""
    profiles = Profiles()
    record = Record(profiles.home)
    if arguments.undo:
        await _undo(arguments, screen, profiles, record)
        return
    plan = make(profiles, Computer.ours())
    states = [(part, *await asyncio.to_thread(part.state, record)) for part in plan.parts]
    for part, state, why in states:
        mark = {State.DONE: "✓", State.TO_DO: "+", State.SOMEBODY_ELSES: "✗"}[state]
        screen.say(f"{mark} {part.what}" + (f"\n    {state.value}: {why}" if why else ""))
        if state is State.TO_DO and (path := getattr(part, "path", None)):
            screen.say(f"    {path}")
    for lacking in plan.lacking:
        screen.say(f"! {lacking}")
    todo = [part for part, state, _ in states if state is State.TO_DO]
    if not todo:
        screen.say("Não há nada a fazer.")
    elif not arguments.dry_run and await _agreed(arguments, screen, "Fazer o que está marcado com +?"):
        for part in todo:
            await asyncio.to_thread(part.do, record)
        screen.say(
            "Pronto. Feche e abra os programas que já estavam abertos. Para desfazer: linkid-desktop setup --undo"
        )
    if any(state is State.SOMEBODY_ELSES for _, state, _ in states):
        raise AgentError("Nem tudo pôde ser feito: veja as linhas com ✗.", "")


async def _undo(arguments: argparse.Namespace, screen: Screen, profiles: Profiles, record: Record) -> None:
    for path in [*record.files, *record.databases]:
        screen.say(f"- {path}")
    if not record.files and not record.databases:
        screen.say("Não há nada a desfazer.")
        return
    if arguments.dry_run or not await _agreed(arguments, screen, "Desfazer?"):
        return
    for part in undo_order(make(profiles, Computer.ours()).parts):
        if not hasattr(part, "path"):  # files below, also those of an earlier version
            screen.say(await asyncio.to_thread(part.undo, record))
    for path in record.files:
        screen.say(remove_file(path, record))


async def _agreed(arguments: argparse.Namespace, screen: Screen, question: str) -> bool:
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        raise BadCommand("Falta confirmar.", "Em programas, use --yes. Para só olhar: --dry-run.")
    screen.ask(f"{question} [s/N] ")
    if (await Typed().line()).casefold() in ("s", "sim"):
        return True
    screen.say("Nada foi alterado.")
    return False


async def sessions(arguments: argparse.Namespace, screen: Screen) -> None:
    """Opened by the daemon, which alone can use them; in its memory only."""
    if arguments.forget:
        ended = await call(_control(), "end-session", activation=arguments.forget)
        if not ended["ended"]:
            raise BadCommand("Não há sessão com este nome.", "linkid-desktop sessions mostra as abertas.")
        screen.say(SESSION_ENDED if ended["told"] else SESSION_FORGOTTEN)
        return
    if arguments.open:
        family, hash_name = FAMILIES[arguments.use]
        if not arguments.json:
            screen.say("Aprove a sessão no celular. O código de verificação está no aviso do sistema e em: history")
        opened = await call(
            _control(), "open-session", seconds=_seconds(arguments.open), maximum=arguments.count, family=family,
            hash=hash_name, program=arguments.program, purpose=arguments.purpose, certificate=arguments.certificate,
        )  # fmt: skip
        text = f"Sessão aberta até {_hour(opened['until'])}, para {opened['maximum']} assinaturas: {opened['purpose']}"
        screen.say(json.dumps(opened, ensure_ascii=False) if arguments.json else text)
        return
    found = (await call(_control(), "sessions"))["sessions"]
    if arguments.json:
        screen.say(json.dumps(found, indent=1, ensure_ascii=False))
    elif not found:
        screen.say("Nenhuma sessão está aberta neste computador.")
    for one in [] if arguments.json else found:
        whose = one["program"] or "qualquer programa"
        screen.say(f"{screen.bold(one['purpose'])}  {one['used']} de {one['maximum']}, até {_hour(one['until'])}")
        screen.say(f"  {one['activation']}  {one['algorithm']}  {whose}")


async def sites(arguments: argparse.Namespace, screen: Screen) -> None:
    """Known and kept by the daemon."""
    if arguments.forget:
        origin = arguments.forget.rstrip("/")
        gone = (await call(_control(), "forget-site", origin=origin))["forgotten"]
        screen.say(f"{origin} foi retirado." if gone else f"{origin} não estava permitido; agora pode pedir de novo.")
        return
    found = (await call(_control(), "sites"))["sites"]
    if arguments.json:
        screen.say(json.dumps(found, indent=1, ensure_ascii=False))
    elif not found:
        screen.say("Nenhum site foi permitido neste computador.")
    for origin, holder, since in [] if arguments.json else map(site_row, found):
        screen.say(f"{screen.bold(origin)}  vê o certificado de {holder}, desde {since}")


async def history(arguments: argparse.Namespace, screen: Screen) -> None:
    """The diary, and what waits now."""
    entries: list[dict[str, Any]] = Diary(Profiles().home).read(max(1, min(arguments.n, 1000)))
    waiting: list[dict[str, Any]] = []
    try:
        waiting = (await call(_control(), "status"))["waiting"]
    except NoConnection:
        if not arguments.json:
            screen.say("O Link ID não está funcionando em segundo plano; isto é o que ficou anotado.")
    if arguments.json:
        screen.say(json.dumps({"history": entries, "waiting": waiting}, indent=1, ensure_ascii=False))
        return
    for entry in map(told, entries):
        screen.say(f"{entry.at}  {entry.program}: {entry.what}  {screen.bold(entry.outcome)}{entry.by}")
    for one in waiting:
        screen.say(
            f"{screen.bold('agora')}  {one['program']}: {one['what']}  espera o celular, código {one['code'] or '…'}"
        )
    if not entries and not waiting:
        screen.say("Nenhum programa pediu nada ainda.")


async def verify(arguments: argparse.Namespace, screen: Screen) -> None:
    """Every signature of every file. Raises UnsuitablePdf unless there are some and all of them hold."""
    from desktop_agent.verify import signatures_of  # here: pyHanko takes half a second to load

    found, good = [], True
    for path in arguments.files:
        signatures = await asyncio.to_thread(signatures_of, path)
        good = good and bool(signatures) and all(item.good for item in signatures)
        found.append({"file": str(path), "signatures": [
            {"field": item.field, "signer": item.signer, "good": item.good} for item in signatures]})  # fmt: skip
        if not arguments.json:
            screen.say(screen.bold(path.name) + ("" if signatures else "  nenhuma assinatura"))
            for item in signatures:
                screen.say(f"  {'✓' if item.good else '✗'} {item.signer or 'desconhecido'}")
    if arguments.json:
        screen.say(json.dumps(found, indent=1, ensure_ascii=False))
    if not good:
        raise UnsuitablePdf("Há arquivo sem assinatura, ou com assinatura que não é válida.", "")


def _seconds(text: str) -> int:
    """``90s``, ``10m``, ``2h``, ``1d``. Raises BadCommand."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        raise BadCommand(f"“{text}” não é um tempo.", "Exemplos: 10m, 2h, 1d.")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def _hour(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%d/%m %H:%M")
