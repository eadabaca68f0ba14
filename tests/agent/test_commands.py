"""`linkid-desktop` as a person or script meets it: another process, its words and its exit status."""

import asyncio
import errno
import json
import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from email.utils import formatdate
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from desktop_agent.commands import build_parser, main
from desktop_agent.domain.link import Link, LinkState
from desktop_agent.domain.request import Confirmed
from desktop_agent.errors import BadCommand
from desktop_agent.overview import Doctor
from desktop_agent.plan import plan
from desktop_agent.profiles import HOME_VARIABLE, Profiles
from desktop_agent.ui.terminal import Screen, TerminalAssociation, TerminalSigning, Typed
from desktop_agent.words import lasting, of_system
from tests.agent import pdfs
from tests.agent.gateway_double import AgentGateway
from tests.agent.pki import Authority
from tests.sandbox_phone.roots import new_id
from tests.support.camera import picture_of_half_blocks, read_qr
from tests.support.terminals import open_terminal


@dataclass
class Done:
    status: int
    out: str
    err: str


class Shell:
    """Runs the command with a home of its own."""

    def __init__(self, folder: Path, home: Path, server: str) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = kept | {
            "LINKID_DESKTOP_HOME": str(home),
            "LINKID_SERVER": server,
            "HOME": str(folder),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONUTF8": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    async def start(self, *words: str | Path, stdin: int | None = None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "desktop_agent", *words, cwd=self.folder, env=self.environment,
            stdin=stdin if stdin is not None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *words: str | Path, typed: str = "") -> Done:
        process = await self.start(*words)
        out, err = await asyncio.wait_for(process.communicate(typed.encode()), 60)
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())


@pytest.fixture
def shell(tmp_path: Path, gateway: AgentGateway, profiles: Profiles) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Shell(folder, profiles.home, gateway.roots.app)


async def test_help_teaches(shell: Shell) -> None:
    """In Portuguese, with the two steps to begin, every command and every exit status."""
    done = await shell.run("--help")

    assert done.status == 0
    for word in ("Para começar", "associate", "status", "certs", "sign", "remove", "doctor", "Códigos de saída", "130"):
        assert word in done.out
    for english in ("usage:", "positional", "options:", "show this help"):
        assert english not in done.out


@pytest.mark.parametrize(
    "words",
    [[], ["fly"], ["sign"], ["sign", "a.pdf", "--loud"], ["associate", "--keychain", "pocket"], ["sign", "a", "-o"]],
)
async def test_commands_typed_wrong(shell: Shell, words: list[str]) -> None:
    """One line of what is wrong and one of where help is; never a trace."""
    done = await shell.run(*words)

    assert done.status == 2
    assert done.err.startswith("Comando incompleto ou errado:")
    assert "--help" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize("words", [["status"], ["certs"], ["sign", "a.pdf"], ["remove", "--yes"]])
async def test_before_the_association(shell: Shell, words: list[str]) -> None:
    """Whoever has not associated is told how."""
    done = await shell.run(*words)

    assert done.status == 3
    assert "linkid-desktop associate" in done.err


async def test_no_place_for_a_window(shell: Shell) -> None:
    """Without a screen: said in one line, with the way that works."""
    done = await shell.run("window", "a.pdf")

    assert (done.status, "onde mostrar uma janela" in done.err, "sign" in done.err) == (2, True, True)


async def test_a_stamp_that_makes_no_sense(shell: Shell) -> None:
    """Told before anything is read or asked."""
    done = await shell.run("sign", "a.pdf", "--stamp", "nowhere")

    assert (done.status, "--stamp última" in done.err) == (2, True)


async def test_computers(shell: Shell, associated: ECKey, gateway: AgentGateway) -> None:
    """This one, how it is ended, and where the others are; the service is not asked."""
    done, listed = await shell.run("computers"), await shell.run("computers", "--json")

    assert (done.status, "Notebook" in done.out, "remove --profile test" in done.out) == (0, True, True)
    assert "está no celular" in done.out
    assert [one["computer"] for one in json.loads(listed.out)] == [gateway.computer]
    assert gateway.calls == []


async def test_status_of_nothing_for_programs(shell: Shell) -> None:
    """A list, even an empty one."""
    done = await shell.run("status", "--json")

    assert (done.status, json.loads(done.out)) == (0, [])


async def test_a_whole_life(shell: Shell, gateway: AgentGateway, authority: Authority) -> None:
    """associate (code by hand, check code typed), status, certs, sign, doctor, remove."""
    process = await shell.start("associate", "--no-window", "--name", "Notebook")
    assert process.stdin is not None
    assert process.stdout is not None
    while not gateway.frames:
        await asyncio.sleep(0.05)
    gateway.link = {"state": "approved", "phone": "Celular da Maria"}
    process.stdin.write(b"12\n042\n")
    out, err = await asyncio.wait_for(process.communicate(), 60)
    said = out.decode()
    assert process.returncode == 0, err.decode()
    assert "7KQ2M-9XA4T" in said
    assert "São exatamente 3 números" in said
    assert "certificado de MARIA DA SILVA" in said
    assert "association-key.json" in said
    assert "\x1b" not in said

    again = await shell.run("associate", "--no-window")
    assert again.status == 2
    assert "já está associado" in again.err

    (known,) = json.loads((await shell.run("status", "--json")).out)
    assert (known["computer"], known["name"]) == (gateway.computer, "Notebook")
    assert re.search(r"desde +\d\d/\d\d/\d{4}, \d\d:\d\d\n", (await shell.run("status")).out)
    (certificate,) = json.loads((await shell.run("certs", "--json")).out)
    assert (certificate["holder"], certificate["usable"]) == ("MARIA DA SILVA", True)

    pdfs_before = pdfs.blank(shell.folder / "contrato.pdf").read_bytes()
    signed = await shell.run("sign", "contrato.pdf")
    assert signed.status == 0, signed.err
    assert "Código de verificação:  2 7" in signed.out
    assert await asyncio.to_thread(pdfs.all_valid, shell.folder / "contrato-assinado.pdf", authority)
    assert (shell.folder / "contrato.pdf").read_bytes() == pdfs_before

    checked = await shell.run("doctor")
    assert checked.status == 0, checked.out
    assert "✗" not in checked.out

    removed = await shell.run("remove", "--yes")
    assert removed.status == 0
    assert gateway.ended
    assert [item for item in (shell.folder.parent / "home").rglob("*") if item.is_file()] == []


async def test_a_computer_that_was_removed_is_associated_again(
    shell: Shell, gateway: AgentGateway, associated: ECKey
) -> None:
    """Ended on the phone: `sign` says to associate, and `associate` then does, without `remove` before."""
    gateway.ended = True
    pdfs.blank(shell.folder / "a.pdf")
    done = await shell.run("sign", "a.pdf")
    assert (done.status, "linkid-desktop associate" in done.err) == (3, True)

    process = await shell.start("associate", "--no-window")
    while not gateway.frames and process.returncode is None:
        await asyncio.sleep(0.05)
    gateway.link, gateway.ended, gateway.computer = {"state": "approved", "phone": "Celular"}, False, new_id("cmp")
    _, err = await asyncio.wait_for(process.communicate(b"042\n"), 60)

    assert process.returncode == 0, err.decode()
    (known,) = json.loads((await shell.run("status", "--json")).out)
    assert known["computer"] == gateway.computer
    assert (await shell.run("certs")).status == 0


@pytest.mark.parametrize(
    ("headers", "ours", "told"),
    [
        ({"Retry-After": "10800"}, {}, "Tente de novo em 3 h."),
        ({"Retry-After": "61"}, {}, "Tente de novo em 2 min."),
        ({}, {"for_ever": True}, "é preciso emitir outro certificado"),
        ({}, {}, "Tente de novo mais tarde."),
    ],
    ids=["hours", "minutes", "for ever", "unsaid"],
)
async def test_a_locked_certificate_is_told_in_portuguese(
    shell: Shell, gateway: AgentGateway, associated: ECKey, headers: dict[str, str], ours: dict[str, bool], told: str
) -> None:
    """Why, and until when; the service's English for programmers is not shown."""

    async def locked(_request: web.Request) -> web.StreamResponse:
        body = {"error": "invalid_authentication_data", "error_description": "Credential locked", "linkid": ours}
        return web.json_response(body, status=400, headers=headers)

    gateway.faults["/csc/v2/credentials/authorize"] = [locked]
    pdfs.blank(shell.folder / "a.pdf")

    done = await shell.run("sign", "a.pdf")

    assert done.status == 11
    assert told in done.err
    assert "bloqueado" in done.err
    assert "locked" not in done.err


@pytest.mark.parametrize("name", ["missing.pdf", "folder.pdf"])
async def test_what_the_system_refuses_is_told_in_portuguese(
    shell: Shell, gateway: AgentGateway, associated: ECKey, name: str
) -> None:
    """A file that is not there, or is none."""
    (shell.folder / "folder.pdf").mkdir()

    done = await shell.run("sign", name)

    assert "não existe" in done.err or "Não há PDFs na pasta" in done.err
    assert not re.search(r"No such|Is a directory|Errno", done.err)


@pytest.mark.parametrize("lost", ["key", "profile"])
async def test_what_is_lost_here_is_associated_again(
    shell: Shell, gateway: AgentGateway, associated: ECKey, lost: str
) -> None:
    """A key that is gone, state nobody can read: `sign` says to associate, and neither stands in the way of it."""
    home = Path(shell.environment["LINKID_DESKTOP_HOME"]) / "test"
    (home / "association-key.json").unlink() if lost == "key" else (home / "profile.json").write_text("{")
    pdfs.blank(shell.folder / "a.pdf")
    done = await shell.run("sign", "a.pdf")
    assert (done.status, "linkid-desktop associate" in done.err) == (9, True)

    process = await shell.start("associate", "--no-window")
    while not gateway.frames and process.returncode is None:
        await asyncio.sleep(0.05)
    gateway.link, gateway.computer = {"state": "approved", "phone": "Celular"}, new_id("cmp")
    _, err = await asyncio.wait_for(process.communicate(b"042\n"), 60)

    assert process.returncode == 0, err.decode()


async def test_a_lost_key_does_not_stop_the_removal(shell: Shell, gateway: AgentGateway, associated: ECKey) -> None:
    """Nothing can be said to the service without it: the person is told to remove the computer on the phone too."""
    (Path(shell.environment["LINKID_DESKTOP_HOME"]) / "test" / "association-key.json").write_text("x")

    done = await shell.run("remove", "--yes")

    assert (done.status, gateway.ended) == (0, False)
    assert "remova este computador também no aplicativo" in done.out
    assert (await shell.run("status")).status == 3


@pytest.mark.parametrize(("ahead", "told"), [(0, "está certo"), (-3600, "adiantado 3"), (3600, "atrasado 3")])
async def test_a_clock_that_is_wrong(
    gateway: AgentGateway, profiles: Profiles, associated: ECKey, ahead: int, told: str
) -> None:
    """The doctor compares it with the service's, and says by how much and what to do."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({}, headers={"Date": formatdate(time.time() + ahead, usegmt=True)})

    gateway.faults["/csc/v2/info"] = [answer]
    (finding,) = [one for one in await Doctor(profiles, None, lambda _: None).run() if "relógio" in one.what]
    assert told in finding.what
    assert finding.good is (ahead == 0)
    assert finding.good or "acerto automático" in finding.advice


async def test_a_dead_service_does_not_stop_the_removal_here(shell: Shell, associated: ECKey) -> None:
    """Told how to remove here alone; the doctor says which part does not answer, and why."""
    trust = Path(shell.environment["LINKID_DESKTOP_HOME"]) / "test" / "trust.json"
    trust.write_text(re.sub(r'"gateway":\s*"[^"]*"', '"gateway": "http://127.0.0.1:1"', trust.read_text()))

    done = await shell.run("remove", "--yes")

    assert (done.status, "--offline" in done.err) == (6, True)
    checked = await shell.run("doctor")
    assert checked.status == 1
    assert "✓ o aplicativo responde" in checked.out
    assert "✗ o serviço não responde: a conexão não foi aceita" in checked.out


@pytest.mark.parametrize(
    ("path", "status", "body", "told"),
    [
        ("/oauth2/token", 400, {"error": "invalid_dpop_proof", "error_description": "Proof is bad"}, "relógio"),
        ("/csc/v2/credentials/list", 403, {"error": "server_error", "error_description": "Is bad"}, "403 server_error"),
        ("/links/v1", 400, {"code": "bad_input", "message": "O nome não serve.", "detail": "Is bad"}, "O nome não"),
    ],
)
async def test_the_services_english_is_not_shown(
    shell: Shell, gateway: AgentGateway, associated: ECKey, path: str, status: int, body: dict[str, str], told: str
) -> None:
    """Sentences for people are; of what is for programmers, the code to tell the support."""

    async def deny(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    gateway.faults[path] = [deny]
    gateway.ended = path.startswith("/links")

    done = await shell.run(*(["associate", "--no-window"] if gateway.ended else ["certs"]))

    assert (done.status, told in done.err) == (11, True), done.err
    assert not re.search(r"[Ii]s bad", done.err)


def test_a_fault_of_ours_is_told_and_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A sentence for people, the trace in a file for whoever helps them."""

    def fault(_profiles: Profiles) -> list[dict[str, str]]:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("desktop_agent.commands.status_of", fault)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert main(["status"]) == 1

    told = capsys.readouterr().err
    (trace,) = tmp_path.glob("linkid-desktop-*.txt")
    assert "Avise o suporte" in told
    assert str(trace) in told
    assert "Traceback" not in told
    assert "ZeroDivisionError" in trace.read_text()


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "1 s"), (60, "60 s"), (61, "2 min"), (5400, "90 min"), (5401, "2 h"), (10800, "3 h"), (999_999, "12 dias")],
)
def test_times_to_wait(seconds: int, told: str) -> None:
    """Rounded up, in the largest unit that says enough."""
    assert lasting(seconds) == told


def test_what_systems_refuse_has_words(tmp_path: Path) -> None:
    """The usual refusals each have theirs; the rest is not English either."""
    usual = (errno.ENOENT, errno.EISDIR, errno.EACCES, errno.ENOSPC, errno.EROFS, errno.ENAMETOOLONG)
    told = [of_system(OSError(number, os.strerror(number))) for number in usual]

    assert len(set(told)) == len(usual)
    assert of_system(OSError("Something")) == of_system(OSError(errno.EPROTO, "x")) == "o sistema recusou"


async def test_the_code_stays_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 24 lines a QR pushes what was said before out of the window: the last line has the verification code again."""
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    out = StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    view = TerminalSigning(Screen(out), Typed(), interactive=False)

    await view.asked(Confirmed("req_x", "27", "MARIA DA SILVA", 0), ["a.pdf"])
    await view.show_qr("http://localhost:8440/r#1." + new_id("req"))
    await view.waiting(125, online=True)

    *block, last, _ = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", out.getvalue()).split("\n")
    assert len(block) > 20
    assert last.startswith("Código 2 7  Aguardando a aprovação…  ██████████ restam 2:05")
    assert len(last) < 80


async def test_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files are read and signed behind a bar; the time that is left shrinks; one file has no bar."""
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)

    async def drawn(files: int) -> str:
        out = StringIO()
        monkeypatch.setattr(out, "isatty", lambda: True)
        view = TerminalSigning(Screen(out), Typed(), interactive=False, files=files)
        await view.preparing(Path("a.pdf"), 1000)
        await view.waiting(180, online=True)
        await view.waiting(60, online=False)
        await view.signed(Path("a.pdf"), Path("a-assinado.pdf"))
        return out.getvalue()

    many = await drawn(4)
    for said in ("Lendo ██░░░░░░░░ 1 de 4: a.pdf (1,0 kB)…", "██████████ restam 3:00", "███░░░░░░░ restam 1:00",
                 "Assinando ██░░░░░░░░ 1 de 4"):  # fmt: skip
        assert said in many
    one = await drawn(1)
    assert "Lendo a.pdf (1,0 kB)…" in one
    assert "Assinando" not in one


def test_help_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is asked about: no line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv(HOME_VARIABLE, "/home/maria")
    for words in ([], *([name] for name in ("associate", "sign", "sessions", "setup", "sites", "verify", "window"))):
        with pytest.raises(SystemExit):
            build_parser().parse_args([*words, "--help"])
        said = capsys.readouterr().out
        assert said.count("\n") > 5
        assert [line for line in said.splitlines() if len(line) > 80] == []


async def test_a_window_too_small_says_how_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 80 by 24 the association's QR does not fit; in a window of the size that is named, it does."""
    frame = "http://localhost:8440/l#1." + "t" * 22 + ".1." + "m" * 22 + "." + "k" * 43
    monkeypatch.setenv("TERM", "xterm")

    async def drawn(lines: str, columns: str) -> str:
        monkeypatch.setenv("LINES", lines)
        monkeypatch.setenv("COLUMNS", columns)
        out = StringIO()
        monkeypatch.setattr(out, "isatty", lambda: True)
        await TerminalAssociation(Screen(out), Typed()).link(Link(LinkState.WAITING, frame, "7KQ2M-9XA4T"))
        return out.getvalue()

    small = await drawn("24", "80")
    asked = re.search(r"precisa de (\d+) linhas e (\d+) colunas", small)

    assert asked is not None
    assert "7KQ2M-9XA4T" in small
    assert "█" in await drawn(asked[1], asked[2])


async def test_quiet_says_nothing(shell: Shell, gateway: AgentGateway, associated: ECKey) -> None:
    """The exit status is the answer; a name for the result is honoured."""
    pdfs.blank(shell.folder / "a.pdf")

    done = await shell.run("sign", "--quiet", "a.pdf", "-o", "b.pdf")

    assert (done.status, done.out, done.err) == (0, "", "")
    assert (shell.folder / "b.pdf").exists()


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [("refuse", 4, "recusado"), ("expire", 5, "Ninguém respondeu")],
    ids=["no", "silence"],
)
async def test_the_phone_does_not_say_yes(
    shell: Shell, gateway: AgentGateway, associated: ECKey, answer: str, status: int, words: str
) -> None:
    """Each with its own status and advice, and no file."""
    gateway.answer = answer
    pdfs.blank(shell.folder / "a.pdf")

    done = await shell.run("sign", "a.pdf")

    assert done.status == status
    assert words in done.err
    assert [item.name for item in shell.folder.iterdir()] == ["a.pdf"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
async def test_signals_withdraw(shell: Shell, gateway: AgentGateway, associated: ECKey, number: signal.Signals) -> None:
    """Ctrl-C, and a polite kill: the request leaves the phone, nothing is left in the folder, status 130."""
    gateway.answer = "never"
    pdfs.blank(shell.folder / "a.pdf")
    process = await shell.start("sign", "a.pdf")
    while not gateway.requests or not gateway.requests[0]["checks"]:
        await asyncio.sleep(0.05)

    process.send_signal(number)
    _, err = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 130
    assert "Traceback" not in err.decode()
    assert len(gateway.withdrawn) == 1
    assert [item.name for item in shell.folder.iterdir()] == ["a.pdf"]


async def test_a_dead_service_has_its_status(shell: Shell, associated: ECKey) -> None:
    """Nobody there: status 6; an address that is none of https: 8."""
    assert (await shell.run("associate", "--server", "http://127.0.0.1:1", "--no-window")).status == 6
    assert (await shell.run("associate", "--server", "http://example.org", "--no-window")).status == 8


async def test_trust_by_hand(shell: Shell, gateway: AgentGateway) -> None:
    """--trust FILE pins what somebody handed over; a file that is none, or missing, is told."""
    (shell.folder / "bad.json").write_text("{}")

    assert (await shell.run("associate", "--trust", "bad.json", "--no-window")).status == 8
    assert (await shell.run("associate", "--trust", "missing.json", "--no-window")).status == 2


async def test_removing_needs_a_yes(shell: Shell, gateway: AgentGateway, associated: ECKey) -> None:
    """A script that forgot --yes removes nothing; --offline removes here and says what is left to do."""
    assert (await shell.run("remove")).status == 2
    assert not gateway.ended

    done = await shell.run("remove", "--yes", "--offline")

    assert "remova este computador também no aplicativo" in done.out
    assert not gateway.ended
    assert (await shell.run("status")).status == 3


async def test_a_real_terminal_draws_the_qr(shell: Shell, gateway: AgentGateway) -> None:
    """On a terminal the frame is drawn in half blocks and redrawn in place, and a camera could read it."""
    leader, follower = open_terminal()
    shell.environment |= {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "desktop_agent", "associate", "--no-window", "--no-page",
        cwd=shell.folder, env=shell.environment, stdin=follower, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    while gateway.frames < 3:
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    drawn = await asyncio.to_thread(read_all, leader)
    await process.wait()

    assert process.returncode == 130
    assert gateway.given_up
    frames = re.findall(r"((?:\x1b\[2K\x1b\[30;107m[ ▀▄█]+\x1b\[0m\r?\n)+)", drawn)
    assert len(frames) >= 2
    read = [decode(frame) for frame in frames]
    assert all(text.startswith(f"{gateway.roots.app}/l#1.") for text in read)
    assert len(set(read)) == len(read)


def read_all(descriptor: int) -> str:
    """Everything a terminal was told, until the program closed it."""
    data = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            break
        if not piece:
            break
        data += piece
    os.close(descriptor)
    return data.decode()


def decode(block: str) -> str:
    """The text of a QR drawn in half blocks, or nothing."""
    return read_qr(picture_of_half_blocks(re.findall(r"107m([ ▀▄█]+)\x1b", block))) or ""


def test_plans(tmp_path: Path) -> None:
    """Which file becomes which is settled, or refused, before anything is read."""
    a, b = pdfs.blank(tmp_path / "a.pdf"), pdfs.blank(tmp_path / "b.pdf")
    into = tmp_path / "into"
    into.mkdir()

    assert [job.output.name for job in plan([a, b], None, overwrite=False)] == ["a-assinado.pdf", "b-assinado.pdf"]
    assert [job.output for job in plan([a], into, overwrite=False)] == [into / "a-assinado.pdf"]
    for files, output in [([a, b], tmp_path / "x.pdf"), ([a], a), ([a], b), ([a, a], None)]:
        with pytest.raises(BadCommand):
            plan(files, output, overwrite=False)
    with pytest.raises(BadCommand, match="original"):
        plan([a], a, overwrite=True)
    assert plan([a], b, overwrite=True)[0].output == b
