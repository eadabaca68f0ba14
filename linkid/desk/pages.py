"""What stands on the operator's page. Everything is drawn by one template that escapes; no script runs there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import jinja2

from foundation.clock import Clock
from foundation.errors import BadInput
from issuance.operator import OperatorContext, order_admission, order_block, standing
from linkid.desk.words import word
from linkid.operator_view import OperatorView
from linkid.operators import demand_case
from pairing.service.pauses import PauseService
from protocol.orders import Identified, ShutReason

_TURNS: Final[Mapping[str, Literal["block", "unblock"]]] = MappingProxyType({"block": "block", "unblock": "unblock"})
_SPAN: Final = timedelta(hours=24)
DONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "block": "Certificado bloqueado.",
        "unblock": "Certificado desbloqueado.",
        "admit": "Celular liberado.",
        "same": "Nada mudou: já estava assim.",
        "resumed": "O envio de códigos continua.",
    }
)
"""What a page says after an order, by the word in its address: no other text comes from there."""


class NoSuchAct(BadInput):
    """The form is not ours."""

    code = "no_such_act"
    summary = "There is no such act."


class Pages:
    """Of one operator."""

    def __init__(self, view: OperatorView, pauses: PauseService, context: OperatorContext, operator: str) -> None:
        """``operator``: the jkt of whoever signed in."""
        self._view, self._pauses, self._context, self._operator = view, pauses, context, operator
        self._clock: Clock = context.clock
        source = files("linkid.desk").joinpath("page/desk.html").read_text("utf-8")
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
        environment.filters |= {"shown": _shown, "word": word, "moment": _moment}
        self._template = environment.from_string(source)

    def home(self) -> str:
        """The search."""
        return self._drawn("home", "Atendimento")

    def refusal(self, words: str) -> str:
        """For whoever is not signed in."""
        return self._drawn("refusal", "Atendimento", words=words)

    def problem(self, words: str) -> str:
        """What went wrong, as the commands say it."""
        return self._drawn("problem", "Não deu certo", words=words)

    async def found(self, text: str) -> str:
        """Holders by one thing that somebody says. Raises NotSearchable."""
        return self._drawn("found", "Titulares", lines=await self._view.find(text))

    async def holder(self, holder: str, done: str | None) -> str:
        """Everything about one. Raises NoSuchHolder."""
        page = await self._view.show(holder)
        stands = [await standing(self._context, one) for one in page.line.credentials]
        parts: Sequence[tuple[str, Sequence[Mapping[str, Any]]]] = (
            ("Certificados", page.credentials), ("Celulares", page.phones), ("Computadores", page.computers),
            ("Bloqueios e avisos", page.locks), ("Códigos pedidos para este número", page.proofs),
        )  # fmt: skip
        return self._drawn(
            "holder", page.line.name, line=page.line, parts=parts, stands=stands, done=DONE.get(done or ""),
            names={one["id"]: f" ({one['name']})" for one in page.computers},
            reasons=get_args(ShutReason), identified=get_args(Identified),
        )  # fmt: skip

    async def ordered(
        self, holder: str, *, act: str, credential: str, phone: str | None, reason: str, case: str
    ) -> str:
        """Signs the order and hands it to a SAM; a word of ``DONE``.

        Raises NoSuchHolder, NoSuchAct, OperatorMistake.
        """
        if credential not in (await self._view.show(holder)).line.credentials:
            raise NoSuchAct("the certificate is another holder's")
        if act == "admit" and phone is not None:
            await order_admission(self._context, credential=credential, phone=phone, reason=reason, case=case)
            return "admit"
        if (turn := _TURNS.get(act)) is not None:
            changed = await order_block(self._context, credential=credential, act=turn, reason=reason, case=case)
            return turn if changed else "same"
        raise NoSuchAct(act[:20])

    async def messages(self, done: str | None) -> str:
        """What leaves, how codes convert, where sending is paused."""
        told = await self._view.deliveries(_SPAN)
        paused = [
            {"prefix": one.subject.name, "since": one.since, "messages": one.messages, "entered": one.entered}
            for one in await self._pauses.standing()
        ]
        parts = (("Enviadas em 24 horas", told.sent), ("Na fila", told.waiting),
                 ("Códigos por bloco de números", [_with_rate(one) for one in told.conversions]))  # fmt: skip
        return self._drawn("messages", "Mensagens", parts=parts, paused=paused, done=DONE.get(done or ""))

    async def resumed(self, prefix: str, case: str) -> str:
        """Lets messages go on; a word of ``DONE``. Raises OperatorMistake."""
        demand_case(case)
        ended = await self._pauses.resume(prefix, self._clock.now(), operator=self._operator, case=case)
        return "resumed" if ended else "same"

    def _drawn(self, kind: str, title: str, **values: object) -> str:
        empty: dict[str, object] = {"words": "", "lines": (), "line": None, "parts": (), "stands": (), "done": None,
                                    "paused": (), "reasons": (), "identified": (), "names": {}}  # fmt: skip
        return self._template.render(empty | {"kind": kind, "title": title} | values)


def _with_rate(block: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**block, "rate": f"{100 * block['entered'] / max(1, block['messages']):.0f} %"}


def _moment(seconds: int) -> str:
    return _shown(datetime.fromtimestamp(seconds, UTC))


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime("%d/%m/%Y %H:%M %Z")  # of this machine, which is the operator's
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value) or "-"
    if isinstance(value, Mapping):
        return "; ".join(f"{word(name)}: {_shown(one)}" for name, one in value.items())
    return "-" if value is None else word(str(value))
