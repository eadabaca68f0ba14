"""Portuguese for what others say in English or in numbers: argparse, the operating system, seconds. And the help."""

import argparse
import errno
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn

from desktop_agent.errors import INTERRUPTED, BadCommand, every_family

ABOUT: Final = """\
Link ID no seu computador: assine documentos com o seu certificado em nuvem.
Cada assinatura é aprovada no seu celular, com a sua senha de uso. Neste computador não se digita senha nenhuma.

Para começar:
  1. linkid-desktop associate          mostra um QR Code: leia-o com o celular
  2. linkid-desktop sign contrato.pdf  confira o código no celular, e aprove
     o resultado é contrato-assinado.pdf; o original não é alterado
"""

EPILOG: Final = """\
Exemplos:
  linkid-desktop sign a.pdf b.pdf c.pdf          uma aprovação para os três
  linkid-desktop sign contrato.pdf -o final.pdf  escolhe o nome do resultado
  linkid-desktop sign contrato.pdf --qr          mostra logo o QR do pedido
  linkid-desktop certs --json                    para programas

Códigos de saída:
{statuses}

Onde as coisas ficam:
  associação  {home}
              (em outro lugar: variável LINKID_DESKTOP_HOME)
  chave       no TPM, no chaveiro do sistema, ou em um arquivo selado
              (linkid-desktop status diz onde, e de quem isso a protege)
  serviço     --server, ou a variável LINKID_SERVER
"""

_TRANSLATIONS: Final = (
    (r"the following arguments are required: (.*)", r"falta informar: \1"),
    (r"unrecognized arguments: (.*)", r"não entendi: \1"),
    (r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", r"\1: '\2' não existe (há: \3)"),
    (r"argument (.*): expected one argument", r"\1: falta o valor"),
    (r"argument (.*): not allowed with argument (.*)", r"\1 não combina com \2"),
    (r"argument (.*): invalid (.*) value: '(.*)'", r"\1: '\3' não serve"),
    (r"argument (.*): expected at least one argument", r"\1: falta o valor"),
    (r"argument (.*): ignored explicit argument '(.*)'", r"\1 não leva valor, e recebeu '\2'"),
)

_REFUSALS: Final[Mapping[int, str]] = {
    errno.ENOENT: "não existe",
    errno.ENOTDIR: "não fica em uma pasta",
    errno.EISDIR: "é uma pasta",
    errno.EACCES: "o seu usuário não tem permissão, ou outro programa o está usando",
    errno.EPERM: "o sistema não permite",
    errno.ETXTBSY: "outro programa o está usando",
    errno.EBUSY: "outro programa o está usando",
    errno.ENOSPC: "não há mais espaço no disco",
    errno.EDQUOT: "a sua cota de espaço no disco acabou",
    errno.EFBIG: "é grande demais para este disco",
    errno.EROFS: "o disco só permite leitura",
    errno.ENAMETOOLONG: "o nome é longo demais",
    errno.EINVAL: "o nome não serve neste disco",
    errno.ELOOP: "é um atalho que não leva a lugar nenhum",
    errno.EMFILE: "há arquivos demais abertos",
    errno.ENFILE: "há arquivos demais abertos",
    errno.EIO: "o disco falhou",
    errno.ESTALE: "a pasta da rede não está mais conectada",
    errno.ENODEV: "o disco não está mais conectado",
    errno.ENOTEMPTY: "a pasta não está vazia",
}
"""What operating systems refuse, in words that stand behind a file's name and a colon."""


def of_system(error: OSError) -> str:
    """Why the operating system refused, without a full stop. Its own words are English, and for programmers."""
    return _REFUSALS.get(error.errno or 0, "o sistema recusou")


def lasting(seconds: int) -> str:
    """A time to wait as people say it, rounded up: ``45 s``, ``2 min``, ``3 h``, ``2 dias``."""
    for unit, length, most in (("s", 1, 60), ("min", 60, 90), ("h", 3600, 36)):
        count = -(-max(seconds, 1) // length)
        if count <= most:
            return f"{count} {unit}"
    return f"{-(-seconds // 86400)} dias"


def again(seconds: int | None) -> str:
    """When to come back. ``seconds``: None or 0 when nobody says."""
    return f"Tente de novo em {lasting(seconds)}." if seconds else "Tente de novo mais tarde."


class Layout(argparse.RawDescriptionHelpFormatter):
    """Paragraphs as wide as the terminal; lines that begin with spaces stay lines, and hang where they are too long."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for plain, block in itertools.groupby(text.splitlines(), lambda line: bool(line) and line[0] != " "):
            if plain:
                for paragraph in _paragraphs(block):
                    lines += textwrap.wrap(paragraph, width, break_on_hyphens=False)
            else:
                for line in block:
                    column = max((gap.end() for gap in re.finditer(r"(?<=\S)  +", line)), default=4)
                    lines += textwrap.wrap(line, width, subsequent_indent=" " * column, break_on_hyphens=False) or [""]
        return "\n".join(lines)

    def add_argument(self, action: argparse.Action) -> None:
        """argparse forgets that the names of commands stand further right than those of options."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += self._indent_increment


def _paragraphs(block: Iterator[str]) -> Iterator[str]:
    """A line that ends a sentence ends a paragraph."""
    said = ""
    for line in block:
        said = f"{said} {line}".strip()
        if line.endswith((".", ":")):
            yield said
            said = ""
    if said:
        yield said


class Parser(argparse.ArgumentParser):
    """argparse that speaks Portuguese and raises BadCommand instead of leaving."""

    def __init__(self, prog: str, description: str, epilog: str | None = None, **_: object) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            add_help=False,
            allow_abbrev=False,
            formatter_class=Layout,
        )
        self.options = self.add_argument_group("opções")
        self.options.add_argument("-h", "--help", action="help", help="mostra esta ajuda")

    def format_help(self) -> str:
        usage, rest = super().format_help().split("\n\n", 1)
        usage = usage.replace("usage:", "uso:", 1).replace("\n  ", "\n")  # "uso" is two letters shorter
        return f"{usage}\n\n" + rest.replace("positional arguments:\n", "argumentos:\n", 1)

    def error(self, message: str) -> NoReturn:
        for english, portuguese in _TRANSLATIONS:
            if re.fullmatch(english, message):
                message = re.sub(english, portuguese, message)
                break
        raise BadCommand(f"Comando incompleto ou errado: {message}.", f"Veja {self.prog} --help.")


def epilog(home: Path) -> str:
    """With the table of exit statuses, made from the error classes themselves. ``home``: where the state lies."""
    rows = [(0, "tudo certo")]
    rows += [(family.exit_status, family.meaning) for family in every_family()]
    rows.append((INTERRUPTED, "interrompido com Ctrl-C (o pedido é retirado do celular)"))
    return EPILOG.format(home=home, statuses="\n".join(f"  {status:<5}{meaning}" for status, meaning in rows))
