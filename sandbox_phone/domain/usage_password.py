"""Which usage passwords the emission page refuses as too easy to guess: phone_app/src/emission/weakness.ts, once more.

Both are held to tests/vectors/usage_password.json. A password is cut into pieces that a guesser tries whole and single
characters; each counts one, the cut that counts least is taken, and `LEAST` are needed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Weakness = Literal["personal", "common", "date", "sequence"]
Piece = tuple[Weakness | None, int]

LEAST: Final = 6
_SHORTEST: Final = 8


@dataclass(frozen=True)
class About:
    """What the page knows of the holder; empty for what it does not. ``birth`` is ddmmaaaa."""

    name: str = ""
    email: str = ""
    cpf: str = ""
    phone: str = ""
    birth: str = ""


_WORDS: Final = """
senha senhas password passwd pass chave segredo secreta secreto acesso entrar entra login admin administrador usuario
user teste test mudar trocar padrao default certificado certificadora digital assinatura assinar assina token linkid
icpbrasil welcome bemvindo iloveyou teamo teadoro amor amores meuamor love paz vida feliz felicidade saude sucesso
vitoria dinheiro deus jesus cristo jesuscristo deusfiel deusamor fiel gratidao abencoado familia mae pai filho filha
mamae papai vovo bebe princesa gatinha gatinho lindo linda brasil brazil brasileiro saopaulo riodejaneiro minas bahia
flamengo mengao corinthians timao palmeiras verdao santos saopaulofc tricolor vasco gremio inter internacional
cruzeiro galo atletico botafogo fluminense futebol maria jose joao antonio francisco carlos paulo pedro lucas luiz
luis marcos gabriel rafael daniel marcelo bruno eduardo felipe rodrigo manoel mateus matheus andre fernando fabio
leonardo gustavo guilherme leandro thiago tiago anderson ricardo marcio jorge sebastiao alexandre roberto vinicius ana
francisca antonia adriana juliana marcia fernanda patricia aline sandra camila amanda bruna jessica leticia julia
luciana vanessa mariana gabriela vera larissa claudia beatriz rita luana sonia renata eliane silva souza oliveira
pereira ferreira costa rodrigues almeida nascimento lima araujo ribeiro carvalho gomes martins dragon master monkey
shadow superman batman pokemon naruto princess sunshine football abc xyz qwe asd zxc minha meu minhasenha outra nova
novo dois tres instala janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
"""
COMMON: Final = tuple(_WORDS.split())
"""Small letters, no accents: what people here choose first."""

_LINES: Final = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm",
                 "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p")  # fmt: skip
_RUNS: Final = tuple(one for line in _LINES for one in (line, line[::-1]))
_LOOKS: Final = str.maketrans("013457", "oieast")


def weakness(password: str, about: About) -> Weakness | None:
    """Why it is too easy, or None. Shorter ones than 8 are another rule's business."""
    if len(password) < _SHORTEST:
        return None
    pieces = _cut(password.lower(), about)
    if len(pieces) >= LEAST:
        return None
    whole = [piece for piece in pieces if piece[0] is not None]
    return max(whole, key=lambda piece: piece[1], default=(None, 0))[0]


def _cut(text: str, about: About) -> list[Piece]:
    best: list[list[Piece]] = [[] for _ in range(len(text) + 1)]
    for at in reversed(range(len(text))):
        best[at] = [(None, 1), *best[at + 1]]
        for piece in _pieces_at(text, at, about):
            rest = best[at + piece[1]]
            if len(rest) + 1 < len(best[at]):
                best[at] = [piece, *rest]
    return best[0]


def _pieces_at(text: str, at: int, about: About) -> Iterator[Piece]:
    plain = text.translate(_LOOKS)
    found: list[tuple[Weakness, int]] = []
    for word in _names(about):
        least = min(4, len(word))
        found += [("personal", _longest([word], text, at, least)), ("personal", _longest([word], plain, at, least))]
    found.append(("personal", _longest(_numbers(about), text, at, 4)))
    if at == 0 and _is_own_phone(text, about.phone):
        found.append(("personal", len(text)))
    found += [("common", len(word)) for word in COMMON if text.startswith(word, at) or plain.startswith(word, at)]
    found += [("date", length) for length in (8, 6, 4) if _is_date(text[at : at + length], length)]
    found.append(("sequence", _longest(_RUNS, text, at, 3)))
    found += [("sequence", _repeated(text, at, period)) for period in (1, 2, 3, 4)]
    yield from (piece for piece in found if piece[1] > 0)


def _longest(sources: Sequence[str], text: str, at: int, least: int) -> int:
    lengths = range(len(text) - at, least - 1, -1)
    return next((length for length in lengths if any(text[at : at + length] in one for one in sources)), 0)


def _repeated(text: str, at: int, period: int) -> int:
    end = at + period
    while end < len(text) and text[end] == text[end - period]:
        end += 1
    return end - at if end - at >= max(3, 2 * period) else 0


def _names(about: About) -> list[str]:
    folded = unicodedata.normalize("NFD", f"{about.name} {about.email.partition('@')[0]}")
    plain = "".join(sign for sign in folded if not unicodedata.category(sign).startswith("M")).lower()
    return [word for word in re.split(r"[^a-z]+", plain) if len(word) >= 3]


def _numbers(about: About) -> list[str]:
    made = [re.sub(r"\D", "", about.cpf, flags=re.ASCII), re.sub(r"[\s().-]", "", about.phone)]
    numbers = [found for one in made for found in re.findall(r"[0-9]{4,}", one)]
    born = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})", about.birth)
    if born is None:
        return numbers
    day, month, century, year = born.groups()
    long = century + year
    return [*numbers, day + month + long, month + day + long, long + month + day, day + month + year,
            year + month + day, long]  # fmt: skip


def _is_own_phone(text: str, phone: str) -> bool:
    end = re.search(r"([0-9]{4})[^0-9]*$", phone)
    return end is not None and text.isascii() and text.isdigit() and text.endswith(end[1])


def _is_date(text: str, length: int) -> bool:
    if len(text) != length or not (text.isascii() and text.isdigit()):
        return False
    pairs = [int(text[index : index + 2]) for index in range(0, length, 2)]

    def day(one: int, month: int) -> bool:
        return 1 <= one <= 31 and 1 <= month <= 12

    def either(index: int) -> bool:
        return day(pairs[index], pairs[index + 1]) or day(pairs[index + 1], pairs[index])

    if length == 4:
        return pairs[0] in (19, 20)
    if length == 6:
        return either(0) or day(pairs[2], pairs[1])
    return (pairs[2] in (19, 20) and either(0)) or (pairs[0] in (19, 20) and either(2))
