"""The terminal: a block of lines redrawn in place, and one line of typing at a time.

A terminal that cannot redraw (a pipe, a log file) gets each new fact once, as an ordinary line.
"""

import asyncio
import os
import re
import sys
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Final, TextIO

from desktop_agent.client.csc_client import Credential
from desktop_agent.domain.link import Link, LinkState
from desktop_agent.domain.request import Confirmed
from desktop_agent.domain.trust import Trust
from desktop_agent.ui import qr

CHECK_DIGITS: Final = 3
_BAR: Final = 10
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


class Screen:
    """Writing: ordinary lines that stay, and one block below them that is redrawn."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.live = self._out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        """Whether the block can be redrawn."""
        self._drawn = 0

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self.clear()
        self._write(text + "\n")

    def prose(self, text: str, first: str = "", rest: str | None = None) -> None:
        """Words that stay, broken between words where the window ends; ``first`` and ``rest`` stand before the lines.

        A pipe gets one line: programs search in it.
        """
        indent = first if rest is None else rest
        width = max(get_terminal_size().columns - 1, len(indent) + 20)
        lines = textwrap.wrap(
            text, width - len(indent), break_long_words=False, break_on_hyphens=False
        ) if self.live else [text]  # fmt: skip
        for number, line in enumerate(lines or [""]):
            self.say((indent if number else first) + line)

    def draw(self, lines: Sequence[str]) -> None:
        """Replace the block."""
        if not self.live:
            return
        width = get_terminal_size().columns
        fitting = [_fit(line, width - 1) for line in lines]  # a line that wraps would spoil the counting
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        body = "".join(f"\x1b[2K{line}\n" for line in fitting)
        self._write(f"{up}\r{body}\x1b[J")
        self._drawn = len(fitting)

    def clear(self) -> None:
        """Take the block away."""
        if self._drawn:
            self._write(f"\x1b[{self._drawn}A\r\x1b[J")
            self._drawn = 0

    def ask(self, question: str) -> None:
        """A question; the answer is typed behind it."""
        self.clear()
        self._write(question)

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self.live else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if self.live else text

    def room_for(self, lines: int, columns: int) -> bool:
        """Whether a block of that size fits without scrolling."""
        size = get_terminal_size()
        return self.live and size.lines > lines and size.columns > columns

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class Typed:
    """Lines typed on standard input, without blocking the loop and without a thread that keeps the program alive."""

    def __init__(self, source: TextIO | None = None) -> None:
        self._source = source or sys.stdin
        self._lines: asyncio.Queue[str] | None = None

    async def line(self) -> str:
        """The next line. Waits for ever when standard input has ended: somebody else may answer (the page)."""
        if self._lines is None:
            self._lines = asyncio.Queue()
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._read, args=(loop, self._lines), daemon=True).start()
        return await self._lines.get()

    def _read(self, loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str]") -> None:
        for line in self._source:
            try:
                loop.call_soon_threadsafe(lines.put_nowait, line.strip())
            except RuntimeError:  # the loop is closed: the program is ending
                return


class TerminalAssociation:
    """An AssociationView."""

    def __init__(self, screen: Screen, typed: Typed, page_url: str | None = None) -> None:
        """``page_url``: where the local page is, to be told to the person."""
        self._screen = screen
        self._typed = typed
        self._page_url = page_url
        self._state: LinkState | None = None
        self._code: str | None = None

    async def trust(self, trust: Trust, *, known: bool) -> None:
        say = self._screen.say
        say(f"{self._screen.bold('Associar este computador')} ao Link ID em {trust.app}  ({trust.environment})")
        how = "a mesma de antes" if known else "guardada agora neste computador"
        say(self._screen.dim(f"Impressão digital do serviço: {trust.fingerprint}  ({how})"))
        if self._page_url:
            say(self._screen.dim(f"Em uma página: {self._page_url}"))
        say()

    async def link(self, link: Link) -> None:
        if link.state is LinkState.WAITING:
            self._waiting(link)
        elif link.state is not self._state:
            phone = f" “{link.phone}”" if link.phone else ""
            if link.state is LinkState.CLAIMED:
                self._screen.say(f"QR lido pelo celular{phone}. Confira nele este computador e toque em Aprovar.")
            elif link.state is LinkState.APPROVED:
                self._screen.say(f"Aprovado no celular{phone}.")
        self._state = link.state

    def _waiting(self, link: Link) -> None:
        """The QR, the code for those who cannot scan, the time left."""
        code, left = link.code or "…", _clock(link.seconds_left)
        if not self._screen.live:
            if link.code and link.code != self._code:
                self._code = link.code
                self._screen.say(f"Código para digitar no aplicativo Link ID: {link.code}  (restam {left})")
            return
        lines = ["No celular, abra o Link ID e toque em Ler QR Code."]
        blocks = qr.half_blocks(qr.matrix(link.frame)) if link.frame else []
        if blocks and self._screen.room_for(len(blocks) + 4, _visible(blocks[0])):
            lines += blocks
        elif blocks:
            size = f"{len(blocks) + 5} linhas e {_visible(blocks[0]) + 1} colunas"
            lines += [
                "",
                f"(o QR não cabe nesta janela, precisa de {size}:",
                " aumente-a, use a página, ou digite o código)",
                "",
            ]
        lines.append(f"Sem câmera? Digite no aplicativo: {self._screen.bold(code)}    restam {left}")
        self._screen.draw(lines)

    async def offline(self) -> None:
        self._screen.draw(["Sem resposta do serviço; tentando de novo…"])

    async def ask_check(self, phone: str | None, tries_left: int | None) -> str:
        if tries_left is not None:
            tries = "1 tentativa" if tries_left == 1 else f"{tries_left} tentativas"
            self._screen.say(f"Código errado. Resta{'m' if tries_left > 1 else ''} {tries}.")
        while True:
            self._screen.ask("Digite os 3 números que o celular mostra: ")
            digits = (await self._typed.line()).replace(" ", "")
            if len(digits) == CHECK_DIGITS and digits.isascii() and digits.isdigit():
                return digits
            self._screen.say("São exatamente 3 números.")

    async def associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        self._screen.say()
        self._screen.say(f"Pronto: {self._screen.bold(computer_name)} está associado.")
        for holder in holders:
            self._screen.say(f"  certificado de {holder}")
        self._screen.say(self._screen.dim(f"Chave deste computador: {key_place}"))
        self._screen.say("Para assinar: linkid-desktop sign ARQUIVO.pdf")

    async def failed(self, message: str, advice: str) -> None:
        self._screen.clear()  # the command ends with the very words


class TerminalSigning:
    """A SigningView."""

    def __init__(self, screen: Screen, typed: Typed, *, interactive: bool, files: int = 1) -> None:
        """``interactive``: somebody can be asked which certificate. ``files``: how many are to be signed."""
        self._screen = screen
        self._typed = typed
        self._interactive = interactive
        self._block: list[str] = []
        self._code = ""
        self._asked = self._queued = False
        self._files, self._read, self._signed = files, 0, 0
        self._longest = 1

    async def preparing(self, path: Path, size: int) -> None:
        self._read += 1
        which = f"{_bar(self._read, self._files)} {self._read} de {self._files}: " if self._files > 1 else ""
        self._screen.draw([f"Lendo {which}{path.name} ({size_words(size)})…"])

    async def warning(self, message: str) -> None:
        self._screen.say(f"Atenção: {message}")

    async def choose(self, credentials: Sequence[Credential]) -> Credential | None:
        if not self._interactive:
            return None
        self._screen.say("Com qual certificado?")
        for number, item in enumerate(credentials, start=1):
            until = item.certificate.leaf.not_valid_after_utc.strftime("%d/%m/%Y")
            self._screen.say(f"  {number}  {item.certificate.holder}  (válido até {until}, {item.certificate.issuer})")
        while True:
            self._screen.ask(f"Número de 1 a {len(credentials)}: ")
            typed = await self._typed.line()
            if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(credentials):
                return credentials[int(typed) - 1]

    async def queueing(self, seconds: int) -> None:
        text = f"Outro pedido espera no celular, ou houve uma recusa há pouco; tentando de novo em {seconds} s…"
        if self._screen.live:
            self._screen.draw([f"{text}   (Ctrl-C desiste)"])
        elif not self._queued:
            self._screen.say(text)
        self._queued = True

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        self._screen.say(f"Pedido enviado ao celular de {self._screen.bold(confirmed.subject)}:")
        for label in labels:
            self._screen.say(f"  {label}")
        self._screen.say()
        self._code = self._screen.bold(" ".join(confirmed.verification_code))
        self._screen.say(f"  Código de verificação:  {self._code}")
        self._screen.say("  Aprove só se o celular mostrar este mesmo código, ou digite-o, se ele pedir.")
        self._screen.say()

    async def show_qr(self, text: str) -> None:
        blocks = qr.half_blocks(qr.matrix(text))
        if self._screen.room_for(len(blocks) + 4, _visible(blocks[0])):
            self._block = ["O celular não tocou? Abra o Link ID, toque em Ler QR Code e leia:", *blocks]
        else:
            self._screen.say("O celular não tocou? Abra o aplicativo Link ID: o pedido está na tela inicial.")

    async def waiting(self, seconds_left: int, *, online: bool) -> None:
        state = "Aguardando a aprovação" if online else "Sem conexão; tentando de novo"
        if not self._screen.live and not self._asked:
            self._screen.say(f"{state} (até {_clock(seconds_left)})…")
        self._asked = True
        self._longest = max(self._longest, seconds_left)
        left = f"{_bar(seconds_left, self._longest)} restam {_clock(seconds_left)}"
        # The code once more: below a QR, what was said before may have left the window.
        last = f"Código {self._code}  {state}…  {left}  (Ctrl-C desiste)"
        self._screen.draw([*self._block, last])

    async def approved(self) -> None:
        self._screen.say("Aprovado no celular. Assinando…")

    async def signed(self, source: Path, output: Path) -> None:
        self._screen.say(f"Assinado: {self._screen.bold(str(output))}")
        self._signed += 1
        if self._signed < self._files:
            self._screen.draw([f"Assinando {_bar(self._signed, self._files)} {self._signed} de {self._files}"])


def _fit(line: str, width: int) -> str:
    """``line`` if it fits; else cut, without its colours."""
    bare = _COLOURS.sub("", line)
    return line if len(bare) <= width else bare[:width]


def _bar(part: int, whole: int) -> str:
    """Ten columns, filled as far as it is."""
    full = round(_BAR * max(0, min(part, whole)) / max(whole, 1))
    return "█" * full + "░" * (_BAR - full)


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"


def size_words(size: int) -> str:
    """``12,3 kB``."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}".replace(".", ",")
    return f"{size} bytes"


def _visible(line: str) -> int:
    """Columns of a line, colours not counted."""
    return len(_COLOURS.sub("", line))
