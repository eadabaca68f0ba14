"""What the page says: states, steps and the fate of events, in a developer's Portuguese."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.registration.domain.application import Stand, View
from hsm_service.registration.ports import Delivery

_BRASILIA: Final = ZoneInfo("America/Sao_Paulo")

STANDS: Final[Mapping[Stand, str]] = {
    Stand.WAITING: "Aguardando o operador",
    Stand.KNOWN: "Liberada",
    Stand.CHANGING: "Liberada; mudança aguardando o operador",
    Stand.SHUT_OUT: "Encerrada pelo operador",
}
METHODS: Final[Mapping[ClientMethod, str]] = {
    ClientMethod.SECRET: "Segredo (client_secret)",
    ClientMethod.KEY: "Chave própria (private_key_jwt)",
    ClientMethod.TLS: "Certificado TLS de uma autoridade (tls_client_auth)",
    ClientMethod.SELF_SIGNED: "Certificado TLS autoassinado (self_signed_tls_client_auth)",
    ClientMethod.NONE: "Nada: programa que não guarda segredo (só PKCE)",
}
GRANTS: Final[Mapping[GrantType, str]] = {
    GrantType.CODE: "authorization_code (pessoas se identificam; PKCE S256)",
    GrantType.CLIENT: "client_credentials (a aplicação pede sozinha)",
    GrantType.REFRESH: "refresh_token (a pessoa se identifica uma vez em trinta dias)",
}
_DELIVERY: Final[Mapping[str, str]] = {
    "queued": "na fila",
    "taken": "sendo enviado",
    "sent": "entregue",
    "lapsed": "passou do prazo",
    "dead": "não foi entregue",
}
_FAILURES: Final[Mapping[str, str]] = {
    "carrier_busy": "o endereço não respondeu 2xx a tempo",
    "carrier_refused": "o endereço respondeu 410, ou não é público",
}


@dataclass(frozen=True)
class Dialect:
    """A way to speak with us. The roof knows which there are."""

    name: str
    address: str
    scopes: str


@dataclass(frozen=True)
class Limit:
    """What is counted, in words."""

    what: str
    how_many: str


@dataclass(frozen=True)
class ShownDelivery:
    """An event and its fate."""

    when: str
    type: str
    id: str
    fate: str


def moment(when: datetime) -> str:
    """As clocks in Brasília say."""
    return when.astimezone(_BRASILIA).strftime("%d/%m/%Y %H:%M")


def admit_command(name: str, called: str, seen: str) -> str:
    """What an operator types, or copies: a name is a stranger's text, and a shell would read what is in it."""
    return f"linkid application admit {name} --name {shlex.quote(called)} --seen {seen}"


def deliveries(found: Sequence[Delivery]) -> list[ShownDelivery]:
    """The last events."""
    return [ShownDelivery(moment(one.queued), one.type, one.event, _fate(one)) for one in found]


def _fate(one: Delivery) -> str:
    said = _DELIVERY.get(one.state, one.state)
    if one.attempts:
        said += f" ({one.attempts} tentativa{'s' if one.attempts > 1 else ''})"
    if one.failure is not None and one.state != "sent":
        said += f": {_FAILURES.get(one.failure, one.failure)}"
    if one.due is not None and one.attempts:
        said += f"; de novo às {moment(one.due)[-5:]}"
    return said


def limits(view: View, usual: int) -> list[Limit]:
    """What is counted of this one; the rest is in docs/integrators.md."""
    own = view.calls_per_minute
    calls = usual if own is None else own
    said = "sem limite" if calls == 0 else f"{calls} por minuto, em todas as APIs juntas"
    return [
        Limit("Chamadas", said + (" (definido pelo operador)" if own is not None else "")),
        Limit("Pedidos que esperam resposta", "um por certificado"),
        Limit("Hashes em uma chamada", "até 100"),
    ]


def details(view: View) -> list[tuple[str, list[str]]]:
    """What is fixed: another name or key is another application."""
    draft = view.application.draft
    told = [
        ("client_id", [view.application.client]),
        ("Prova quem é por", [METHODS[draft.method]]),
        ("Usa", [GRANTS[grant] for grant in GrantType if grant in draft.grants]),
    ]
    if draft.keys:
        told.append(("Chaves (x do JWK)", [key["x"] for key in draft.keys]))
    if draft.signs_asks:
        told.append(("Pedidos", ["assinados pela chave da aplicação (clientData.ask)"]))
    if draft.tls_subject:
        told.append(("Certificado", [draft.tls_subject]))
    if draft.certificates:
        told.append(("Certificados", [f"{len(draft.certificates)} autoassinado(s)"]))
    if draft.about:
        told.append(("Para que serve", [draft.about]))
    return told
