"""The command line in Portuguese: argparse with its own English taken out, and the help that teaches."""

import argparse
import re
from typing import Final, NoReturn

from desktop_agent.errors import INTERRUPTED, BadCommand, every_family

ABOUT: Final = """\
Link ID no seu computador: assine documentos com o seu certificado em nuvem.
Cada assinatura é aprovada no seu celular, com a sua senha de uso. Neste computador não se digita senha nenhuma.

Para começar:
  1. linkid-desktop associate              mostra um QR Code; leia-o com o aplicativo Link ID
  2. linkid-desktop sign contrato.pdf      o celular toca; confira o código e aprove
     o resultado é contrato-assinado.pdf; o original não é alterado
"""

EPILOG: Final = """\
Exemplos:
  linkid-desktop sign a.pdf b.pdf c.pdf              três documentos, uma aprovação
  linkid-desktop sign contrato.pdf -o final.pdf      escolhe o nome do resultado
  linkid-desktop sign contrato.pdf --qr              mostra logo o QR, se o celular não toca
  linkid-desktop certs --json                        para programas

Códigos de saída:
{statuses}

Onde as coisas ficam:
  estado      ~/.local/share/linkid-desktop (outro lugar: variável LINKID_DESKTOP_HOME)
  chave       no chaveiro do sistema; se não houver, em um arquivo que só o seu usuário lê
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
)


class Parser(argparse.ArgumentParser):
    """argparse that speaks Portuguese and raises BadCommand instead of leaving."""

    def __init__(self, prog: str, description: str, epilog: str | None = None, **_: object) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
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


def epilog() -> str:
    """With the table of exit statuses, made from the error classes themselves."""
    rows = [(0, "tudo certo")]
    rows += [(family.exit_status, family.meaning) for family in every_family()]
    rows.append((INTERRUPTED, "interrompido com Ctrl-C (o pedido é retirado do celular)"))
    return EPILOG.format(statuses="\n".join(f"  {status:<5}{meaning}" for status, meaning in rows))
