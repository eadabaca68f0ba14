"""`python -m sandbox_phone`: play with a phone that is a program.

    python -m sandbox_phone emit 1234567890 --cpf 12345678909
    python -m sandbox_phone pair "+55 11 98765-4321"
    python -m sandbox_phone wait --approve
    python -m sandbox_phone approve req_…
    python -m sandbox_phone refuse req_… not-me
    python -m sandbox_phone scan "http://localhost:8440/l#1.…"

Passwords and codes are asked for; in scripts they come from LINKID_SANDBOX_PASSWORD, LINKID_SANDBOX_INSTALL_PASSWORD
and --code.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from sandbox_phone.domain.decision import REFUSALS
from sandbox_phone.domain.statement import Statement
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import GatewayRefused, PhoneError
from sandbox_phone.gateway import fetch_trust
from sandbox_phone.phone import PHONE_TYPES, SandboxPhone
from sandbox_phone.storage import FileStorage

Command: TypeAlias = Callable[[SandboxPhone, argparse.Namespace], Awaitable[None]]


def say(text: str) -> None:
    """One line for whoever plays."""
    sys.stdout.write(text + "\n")


def password(variable: str = "LINKID_SANDBOX_PASSWORD", prompt: str = "Usage password: ") -> str:
    """From the environment, else typed."""
    return os.environ.get(variable) or getpass.getpass(prompt)


def describe(statement: Statement) -> str:
    """A document in a few lines: what the bytes say, nothing else."""
    lines = [f"{statement.type}  {statement.id}  (until {statement.expires})"]
    for member in ("subject", "nickname", "verification_code", "caller", "computer", "integrator"):
        if member in statement.content:
            lines.append(f"  {member}: {statement.content[member]}")
    if statement.type == "session":
        content = statement.content
        lines.append(f"  up to {content['maximum']} signatures until {content['until']}: {content['purpose']}")
        lines.append("  each use is signed by the caller's key" if content["session_key"] else "  WITHOUT A KEY")
    if statement.type == "consent":
        content = statement.content
        lines.append(f"  may sign WITHOUT THE PHONE, with your password and a code: up to {content['maximum']}")
        lines.append(f"  signatures until {content['until']}: {content['purpose']}")
    for item in statement.content.get("documents", []):
        lines.append(f"  {item['label']} ({item['size']} bytes) {item['hash']}")
    return "\n".join(lines)


async def pair(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    sent = await phone.ask_code(arguments.number)
    say(f"A code went to {sent['number']}; it holds for {sent['expires_in']} s.")
    code = arguments.code or await asyncio.to_thread(input, "Code: ")
    credentials = await phone.give_code(code)
    await phone.set_nickname(arguments.nickname)
    if not credentials:
        say("The number is confirmed, and no certificate belongs to it.")
        return
    for credential in credentials:
        say(f"Binding to {credential['subject']} ({credential['id']})")
        await phone.bind(credential["id"], password())
        await phone.approve_test()
    say(f"Paired: {phone.device}")


async def wait(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    say("Waiting; Ctrl-C ends.")
    shown: set[str] = set()
    async for _ in phone.rings():
        for statement in await phone.waiting():
            if statement.id in shown:
                continue
            shown.add(statement.id)
            say(describe(statement))
            try:
                await answer_in_manner(phone, statement, arguments)
            except GatewayRefused as refused:  # withdrawn or decided elsewhere meanwhile: what comes next is waited for
                say(f"{statement.id}: {refused.reason}")


async def answer_in_manner(phone: SandboxPhone, statement: Statement, arguments: argparse.Namespace) -> None:
    """What whoever holds this phone does with whatever arrives; nothing, unless a manner was named."""
    if arguments.refuse:
        answer = await phone.refuse(statement)
        say(f"{statement.id}: {answer['state']}")
        return
    if arguments.mistype and statement.proof:
        try:
            await phone.approve(statement, mistyped(password()))
        except GatewayRefused as refused:
            say(f"{statement.id}: {refused.reason}")
        statement = await phone.fetch(statement.id)
    if (arguments.approve or arguments.mistype) and (arguments.without_key or not statement.without_key):
        await decide(phone, statement, arguments.without_key)


def mistyped(right: str) -> str:
    """The same with another last letter: of the right form, and wrong."""
    return right[:-1] + ("x" if right[-1] != "x" else "y")


async def decide(
    phone: SandboxPhone, statement: Statement, without_key: bool = False, number: str | None = None
) -> None:
    express = without_key and statement.without_key
    secret = password() if statement.proof else None
    answer = await phone.approve(statement, secret, without_key=express, shown_number=number)
    say(f"{statement.id}: {answer['state']}")
    if check := answer.get("next", {}).get("check_code"):
        say(f"Type this on the computer: {check}")


async def approve(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    statement = await phone.fetch(arguments.document)
    say(describe(statement))
    await decide(phone, statement, arguments.without_key, arguments.number)


async def refuse(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    answer = await phone.refuse(await phone.fetch(arguments.document), arguments.reason)
    say(f"{arguments.document}: {answer['state']}")


async def scan(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    statement = await phone.scan(arguments.text)
    say(describe(statement))
    if arguments.approve:
        await decide(phone, statement, number=arguments.number)


async def type_number(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    statement = await phone.wait_for_number()
    say(describe(statement))
    await decide(phone, statement, number=arguments.number)


async def show(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    about = await phone.about()
    say(f"{about['nickname']}  {about['device']}")
    for binding in about["bindings"]:
        say(f"  {binding['subject']}  {binding['credential']}  {binding['state']}")
    for computer in about["computers"]:
        say(f"  computer {computer['name']}  {computer['id']}  since {computer['since']}")
    for session in await phone.sessions():
        told = f"{session['used']} of {session['maximum']} until {session['until']}"
        say(f"  session {session['caller']['name']}  {session['activation']}  {told}")


async def remove(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    await phone.remove_computer(arguments.computer)
    say(f"{arguments.computer}: ended")


async def end(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    await phone.end_session(arguments.session)
    say(f"{arguments.session}: ended")


async def unpair(phone: SandboxPhone, arguments: argparse.Namespace) -> None:
    await phone.unpair()
    say("unpaired")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox_phone", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--app", default="http://localhost:8440", help="address of the app host (default %(default)s)")
    parser.add_argument(
        "--state", type=Path, default=Path("var/sandbox-phone.json"), help="the phone's memory (default %(default)s)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Command | None, about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(run=run)
        return command

    emission = add("emit", None, "emit a certificate, as the emission page does")
    emission.add_argument("protocol")
    emission.add_argument("--cpf", required=True)
    pairing = add("pair", pair, "confirm a number, bind to its certificates, approve the test")
    pairing.add_argument("number")
    pairing.add_argument("--code", help="the SMS code, when it is known already")
    pairing.add_argument("--nickname", default="Celular de teste")
    waiting = add("wait", wait, f"show what arrives ({', '.join(PHONE_TYPES)})")
    manner = waiting.add_mutually_exclusive_group()
    manner.add_argument("--approve", action="store_true", help="approve whatever arrives")
    manner.add_argument("--refuse", action="store_true", help="refuse whatever arrives")
    manner.add_argument("--mistype", action="store_true", help="type the password wrong once, then approve")
    approving = add("approve", approve, "approve a document")
    approving.add_argument("document")
    for command in (waiting, approving):
        command.add_argument("--without-key", action="store_true", help="sessions of callers without a key too")
    approving.add_argument("--number", help="what the application shows that asks who you are")
    refusing = add("refuse", refuse, "refuse a document")
    refusing.add_argument("document")
    refusing.add_argument("reason", nargs="?", default="changed-mind", choices=[r.partition(":")[2] for r in REFUSALS])
    scanning = add("scan", scan, "what the camera read, or the code typed by hand")
    scanning.add_argument("text")
    scanning.add_argument("--approve", action="store_true")
    scanning.add_argument("--number", help="what the application shows beside its code")
    typing = add("type", type_number, "approve who you are, by the number that an application shows")
    typing.add_argument("number")
    add("show", show, "what this phone is bound to")
    add("remove", remove, "end the association of a computer").add_argument("computer")
    add("end", end, "end a session").add_argument("session")
    add("unpair", unpair, "unpair and forget")
    return parser


async def emit(arguments: argparse.Namespace) -> None:
    async with SandboxEmission(await fetch_trust(arguments.app)) as emission:
        result: dict[str, Any] = await emission.emit(
            protocol=arguments.protocol,
            cpf=arguments.cpf,
            install_password=password("LINKID_SANDBOX_INSTALL_PASSWORD", "Installation password: "),
            usage_password=password(),
        )
    say(f"{result['state']}: {result['certificate']['subject']}, serial {result['certificate']['serial']}")


async def run(arguments: argparse.Namespace) -> None:
    if arguments.run is None:
        await emit(arguments)
        return
    async with await SandboxPhone.open(arguments.app, storage=FileStorage(arguments.state)) as phone:
        await arguments.run(phone, arguments)


def main() -> int:
    """0, or 1 with the error on one line."""
    try:
        asyncio.run(run(build_parser().parse_args()))
    except PhoneError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
