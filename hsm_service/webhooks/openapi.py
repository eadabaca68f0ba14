"""What a receiver gets, and the key that signed it, as a table."""

from typing import Final

from foundation.web.openapi import Answer, Operation, Schema, Section, Words, ref, text
from hsm_service.webhooks.domain.event import EventType
from hsm_service.webhooks.web import KEYS_PATH

_TEXT: Final[Schema] = {"type": "string"}

SECTION: Final = Section(
    tag="Webhooks",
    title=Words("Being told (webhooks)", "Ser avisado (webhooks)"),
    about=Words(
        "A POST to your address when something became of a request. Signed with Ed25519 as Standard Webhooks has it.",
        "Um POST no seu endereço quando algo acontece com um pedido. Assinado com Ed25519, como no Standard Webhooks.",
    ),
    error="Error",
    schemas={
        "Event": {
            "type": "object",
            "required": ["id", "type", "created", "application"],
            "properties": {
                "id": text(_TEXT, "The same in every repetition.", "O mesmo em cada repetição."),
                "type": {"enum": [one.value for one in EventType]},
                "created": {"type": "string", "format": "date-time"},
                "application": text(_TEXT, "Yours; refuse any other.", "O seu; recuse qualquer outro."),
                "request": text(
                    _TEXT, "The request, `req_…`; of all but a `test`.", "O pedido, `req_…`; menos no `test`."
                ),
                "credential": _TEXT,
                "session": text(_TEXT, "Of a session, `act_…`.", "De uma sessão, `act_…`."),
                "reason": text(_TEXT, "Of a refusal, or why it ended.", "De uma recusa, ou por que acabou."),
            },
        },
        "Keys": {
            "type": "object",
            "required": ["keys"],
            "properties": {
                "keys": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["kty", "crv", "x", "kid"],
                        "properties": dict.fromkeys(("kty", "crv", "x", "kid", "use", "alg"), _TEXT),
                    },
                }
            },
        },
    },
    operations=[
        Operation(
            id="webhookKeys",
            method="GET",
            path=KEYS_PATH,
            summary=Words("The key that signs events", "A chave que assina os avisos"),
            answers={200: Answer(Words("A JWK set.", "Um conjunto de JWK."), ref("Keys"))},
        ),
    ],
    events={"event": (Words("Something became of a request", "Algo aconteceu com um pedido"), ref("Event"))},
)
