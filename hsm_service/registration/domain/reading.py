"""A form, read field by field: what is wrong is said in Portuguese, and where. Keys and certificates stay text here."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hsm_service.oauth.domain.certificates import MAX_SUBJECT, checked_subject
from hsm_service.oauth.domain.client import MAX_REDIRECT, ClientMethod, GrantType, checked_redirect
from hsm_service.oauth.domain.registering import checked_name
from hsm_service.oauth.errors import BadClientData
from hsm_service.registration.errors import BadField
from protocol.documents import NAME_CHARACTERS

MAX_ABOUT: Final = 500
MAX_REDIRECTS: Final = 10
MAX_TEXT: Final = 20_000
"""Of keys or certificates."""
FIELDS: Final = (
    "name", "about", "people", "itself", "refresh", "redirects", "method", "keys", "signs_asks", "tls_subject",
    "certificates",
)  # fmt: skip
"""In the order in which the page has them."""
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}\Z")


@dataclass(frozen=True)
class Form:
    """A form whose own fields are right; keys and certificates are still as they were typed."""

    name: str
    about: str
    method: ClientMethod
    grants: frozenset[GrantType]
    redirects: tuple[str, ...]
    keys: str
    signs_asks: bool
    tls_subject: str | None
    certificates: str


def read_form(said: Mapping[str, str]) -> Form:
    """Raises BadField."""
    people, itself, refresh = (said.get(name) == "1" for name in ("people", "itself", "refresh"))
    method = read_method(said.get("method", ""))
    if not people and not itself:
        raise BadField("people", "Marque pelo menos um: as pessoas entram por ela, ou ela pede sozinha.")
    if itself and method is ClientMethod.NONE:
        raise BadField("method", "Quem pede sozinha precisa provar quem é: escolha segredo, chave ou certificado.")
    if refresh and not people:
        raise BadField("refresh", "Tokens que se renovam começam com a identificação de uma pessoa.")
    grants = {GrantType.CODE: people, GrantType.CLIENT: itself, GrantType.REFRESH: refresh}
    redirects = read_redirects(said.get("redirects", "")) if people else ()
    if people and not redirects:
        raise BadField("redirects", "Diga pelo menos um endereço de retorno, um por linha.")
    signs_asks = said.get("signs_asks") == "1"
    if signs_asks and method is not ClientMethod.KEY:
        raise BadField("signs_asks", "Assinar cada pedido é para quem se identifica por chave (private_key_jwt).")
    return Form(
        name=read_name(said.get("name", "")),
        about=read_about(said.get("about", "")),
        method=method,
        grants=frozenset(grant for grant, wanted in grants.items() if wanted),
        redirects=redirects,
        keys=_only(said, "keys", method is ClientMethod.KEY, "Cole a chave pública (JWK, P-256)."),
        signs_asks=signs_asks,
        tls_subject=_subject(said.get("tls_subject", ""), method),
        certificates=_only(said, "certificates", method is ClientMethod.SELF_SIGNED, "Cole o certificado, em PEM."),
    )


def read_name(text: str) -> str:
    """What phones will show. Raises BadField."""
    try:
        return checked_name(text)
    except BadClientData as cause:
        said = f"De 1 a {NAME_CHARACTERS} caracteres visíveis, com letras ou números: é o que o titular lê no celular."
        raise BadField("name", said) from cause


def read_about(text: str) -> str:
    """What an operator reads. Raises BadField."""
    tidy = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(tidy) > MAX_ABOUT or not tidy.isprintable():
        raise BadField("about", f"Até {MAX_ABOUT} caracteres visíveis.")
    return tidy


def read_method(text: str) -> ClientMethod:
    """How it proves itself. Raises BadField."""
    try:
        return ClientMethod(text)
    except ValueError as cause:
        raise BadField("method", "Escolha como a aplicação prova quem é.") from cause


def read_redirects(text: str) -> tuple[str, ...]:
    """Return addresses, one a line, each once, in their order. Raises BadField."""
    lines = [line.strip() for line in text.splitlines()]
    wanted = list(dict.fromkeys(line for line in lines if line))
    if len(wanted) > MAX_REDIRECTS:
        raise BadField("redirects", f"No máximo {MAX_REDIRECTS} endereços.")
    for one in wanted:
        try:
            checked_redirect(one)
        except BadClientData as cause:
            shown = one if len(one) <= 80 else f"{one[:80]}…"
            raise BadField(
                "redirects",
                f"«{shown}» não serve: use https://, http://127.0.0.1 (programas) ou um esquema seu como "
                f"com.exemplo.app:/volta; sem #, sem usuário, até {MAX_REDIRECT} caracteres ASCII.",
            ) from cause
    return tuple(wanted)


def read_version(text: str) -> int:
    """Which state of the application a form was opened on. Raises BadField."""
    if not _VERSION.match(text):
        raise BadField("version", "Abra a página da aplicação de novo.")
    return int(text)


def _subject(text: str, method: ClientMethod) -> str | None:
    if method is not ClientMethod.TLS:
        return None
    try:
        return checked_subject(text.strip())
    except BadClientData as cause:
        said = f"Escreva dn:…, dns:…, uri:…, ip:… ou email:…, até {MAX_SUBJECT} caracteres, como está no certificado."
        raise BadField("tls_subject", said) from cause


def _only(said: Mapping[str, str], name: str, wanted: bool, missing: str) -> str:
    """The field's text where the method wants it; what another method left behind is passed over."""
    text = said.get(name, "").strip() if wanted else ""
    if wanted and not text:
        raise BadField(name, missing)
    if len(text) > MAX_TEXT:
        raise BadField(name, f"Até {MAX_TEXT} caracteres.")
    return text
