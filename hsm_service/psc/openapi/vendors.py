"""What two vendors have beside the norm for applications without a page of ours: BirdID and VIDaaS."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from foundation.web.openapi import JSON, Answer, Body, Callback, Operation, Parameter, Schema, Words, ref, text
from hsm_service.psc.domain.reading import RAW
from hsm_service.psc.domain.vendors import VENDORS
from hsm_service.psc.openapi.norm import AUTHORIZE
from hsm_service.psc.openapi.schemas import (
    ANY_TEXT,
    BEHIND,
    CLIENT,
    EXAMPLE_HASH,
    EXAMPLE_NUMBER,
    FORMS,
    HTML,
    NUMBER,
    READS,
    SCOPES,
    SECONDS,
    TEXT,
    WAITING,
    bearer,
    object_of,
)
from hsm_service.psc.web.programs import ASYNC_PATH, MAX_MESSAGE, POLL_PATH
from hsm_service.psc.web.starts import NOTIFY_PATH, START_PATH

_BIRDID: Final = VENDORS["birdid"].prefix
_VIDAAS: Final = VENDORS["vidaas"].prefix
_ASYNC: Final = _BIRDID + ASYNC_PATH
_START: Final = _BIRDID + START_PATH
_NOTIFY: Final = _BIRDID + NOTIFY_PATH
_TEXT_PLAIN: Final = "text/plain"

SCHEMAS: Final[dict[str, Schema]] = {
    "PscStartRequest": object_of(
        ["client_id", "callback_url"],
        callback_url=text(TEXT, "One that is registered.", "Um endereço cadastrado."),
        username=text({"type": ["string", "null"]}, "Whose phone rings.", "De quem é o celular que toca."),
        scope=SCOPES,
        lifetime={"type": "integer", "minimum": 1},
        **CLIENT,
    ),
    "PscStarted": object_of(
        [
            "challenge",
            "client_name",
            "short_token",
            "ws_token",
            "can_notify",
            "notified",
            "qr_code",
            "environment",
            "auth_ttl",
        ],
        challenge=text(ANY_TEXT, "To be shown; typed on the phone.", "Para mostrar; digitado no celular."),
        client_name=ANY_TEXT,
        short_token=ANY_TEXT,
        ws_token={"type": "null"},
        can_notify={"type": "boolean"},
        notified=text(
            {"type": "boolean"},
            "Whether somebody was named; never whether there is such a holder.",
            "Se alguém foi nomeado; nunca se existe esse titular.",
        ),
        qr_code=text(
            {"type": ["string", "null"]},
            "Text for a QR code, for applications that may draw one.",
            "Texto de um QR Code, para aplicações que podem mostrar um.",
        ),
        environment=ANY_TEXT,
        auth_ttl={"type": "integer"},
    ),
    "PscNotifyRequest": object_of(["username", "short_token"], username=NUMBER, short_token=TEXT),
    "PscNotified": object_of(["notified"], notified={"type": "boolean"}),
    "PscStartOutcome": object_of(["code", "short_token"], code=ANY_TEXT, short_token=ANY_TEXT),
    "PscStartError": object_of(
        ["error", "short_token"],
        error=text(ANY_TEXT, "user_denied, authorization_timeout.", "user_denied, authorization_timeout."),
        short_token=ANY_TEXT,
    ),
    "PscAsyncRequest": object_of(
        ["client_id", "username", "message", "hashes"],
        username=NUMBER,
        message=text(
            {**TEXT, "maxLength": MAX_MESSAGE}, "Shown on the phone, as yours.", "Mostrado no celular, como seu."
        ),
        hashes=text(
            {"type": "array", "minItems": 1, "maxItems": 100, "items": TEXT},
            "SHA-256, each in hexadecimal or base64.",
            "SHA-256, cada um em hexadecimal ou base64.",
        ),
        signature_format={"type": ["string", "null"], "enum": [RAW, None]},
        lifetime=text(
            {"type": ["integer", "null"], "minimum": 1},
            "Read; the request lives five minutes.",
            "Lido; o pedido vive cinco minutos.",
        ),
        **CLIENT,
    ),
    "PscAsyncAsked": object_of(["token"], token=text(ANY_TEXT, "To come back with.", "Para voltar e buscar.")),
    "PscAsyncSigned": object_of(
        ["rawSignatures"],
        rawSignatures=text(
            {"type": "array", "items": ANY_TEXT},
            "In base64, in the order of the hashes.",
            "Em base64, na ordem dos hashes.",
        ),
    ),
    "PscPushed": object_of(
        ["authorizationToken", "redirectUrl"],
        authorizationToken=text(ANY_TEXT, "The `code` for `/v0/oauth/token`.", "O `code` para `/v0/oauth/token`."),
        redirectUrl=text(ANY_TEXT, "The same, with `state` (NONE: there was none).", "O mesmo, com `state`."),
    ),
}


def _or_for_programs(status: int) -> Answer:
    """For people a page; with ``push://`` the dialect's own body."""
    return replace(AUTHORIZE.answers[status], others={JSON: ref("PscError")})


_VIDAAS_CALLS: Final = (
    replace(
        AUTHORIZE,
        id="pscPushAuthorize",
        path=_VIDAAS + AUTHORIZE.path,
        summary=Words(
            "VIDaaS: the page; or with `redirect_uri=push://` and `login_hint`, ring and poll",
            "VIDaaS: a página; ou, com `redirect_uri=push://` e `login_hint`, tocar e consultar",
        ),
        answers={
            **AUTHORIZE.answers,
            200: Answer(
                Words(
                    "For the holder's browser; for a program `code=…` to poll with, whoever is named.",
                    "Para o navegador do titular; para um programa, `code=…` para consultar, seja quem for.",
                ),
                media=HTML,
                others={_TEXT_PLAIN: {"type": "string", "pattern": "^code="}},
            ),
            **{status: _or_for_programs(status) for status in (400, 429, 503)},
        },
        errors=(401,),
    ),
    Operation(
        id="pscPushPoll",
        method="GET",
        path=_VIDAAS + POLL_PATH,
        summary=Words("VIDaaS: what became of a push", "VIDaaS: o que aconteceu com um push"),
        parameters=[Parameter("code", "query", ANY_TEXT, required=True)],
        answers={
            200: Answer(
                Words("The holder said yes.", "O titular aprovou."),
                ref("PscPushed"),
                links={"redeem": ("pscToken", {"code": "$response.body#/authorizationToken"})},
                example={"authorizationToken": "psa_…", "redirectUrl": "push://?code=psa_…&state=NONE"},
            ),
            202: Answer(
                Words("The same as 304, where the operator wants it.", "O mesmo que 304, se o operador preferir."),
                media=None,
                headers={"Retry-After": SECONDS},
            ),
            304: Answer(Words("Not decided yet.", "Ainda não decidiu."), media=None, headers={"Retry-After": SECONDS}),
        },
        errors=(400, 404, 503),
    ),
)

_BIRDID_CALLS: Final = (
    Operation(
        id="pscAsync",
        method="POST",
        path=_ASYNC,
        summary=Words(
            "BirdID: ring for a signature, and come back for it",
            "BirdID: tocar para uma assinatura e voltar para buscar",
        ),
        answers={
            201: Answer(
                Words("The same whoever is named.", "O mesmo para qualquer um."),
                ref("PscAsyncAsked"),
                links={"collect": ("pscAsyncResult", bearer("token"))},
                example={"token": "pst_…"},
            )
        },
        errors=FORMS,
        body=Body(
            ref("PscAsyncRequest"),
            example={
                "client_id": "cli_…",
                "username": EXAMPLE_NUMBER,
                "message": "contrato.pdf",
                "hashes": [EXAMPLE_HASH],
                "signature_format": RAW,
            },
        ),
    ),
    Operation(
        id="pscAsyncResult",
        method="GET",
        path=_ASYNC,
        summary=Words("BirdID: the signatures, once approved", "BirdID: as assinaturas, depois de aprovadas"),
        answers={
            200: Answer(
                Words("Approved and signed.", "Aprovado e assinado."),
                ref("PscAsyncSigned"),
                example={"rawSignatures": ["MEUCIQ…"]},
            ),
            202: WAITING,
        },
        errors=READS,
        security=BEHIND,
    ),
    Operation(
        id="pscStart",
        method="POST",
        path=_START,
        summary=Words(
            "BirdID: begin on a page of your own; the outcome is posted to callback_url",
            "BirdID: começar numa página sua; o resultado vai por POST para callback_url",
        ),
        answers={
            200: Answer(
                Words("The same whoever is named.", "O mesmo para qualquer um."),
                ref("PscStarted"),
                links={
                    "notify": ("pscNotify", {"short_token": "$response.body#/short_token"}),
                    "outcome": ("pscStartOutcome", {"query.short_token": "$response.body#/short_token"}),
                },
                example={
                    "challenge": "4207",
                    "client_name": "ERP",
                    "short_token": "pss_…",
                    "ws_token": None,
                    "can_notify": True,
                    "notified": True,
                    "qr_code": None,
                    "environment": "production",
                    "auth_ttl": 300,
                },
            )
        },
        errors=FORMS,
        body=Body(
            ref("PscStartRequest"),
            example={
                "client_id": "cli_…",
                "scope": "single_signature",
                "callback_url": "https://erp.example/callback",
                "username": EXAMPLE_NUMBER,
            },
        ),
        callbacks={
            "outcome": Callback(
                Words("Once, when the holder answered or did not.", "Uma vez, quando o titular respondeu ou não."),
                "{$request.body#/callback_url}",
                {"oneOf": [ref("PscStartOutcome"), ref("PscStartError")]},
                example={"code": "psa_…", "short_token": "pss_…"},
            )
        },
    ),
    Operation(
        id="pscNotify",
        method="POST",
        path=_NOTIFY,
        summary=Words("BirdID: ring for a start that named nobody", "BirdID: tocar para um início sem nome"),
        answers={200: Answer(Words("Whoever is named.", "Para qualquer um."), ref("PscNotified"))},
        errors=(400, 404, 413, 415, 429, 503),
        body=Body(ref("PscNotifyRequest"), example={"username": EXAMPLE_NUMBER, "short_token": "pss_…"}),
    ),
    Operation(
        id="pscStartOutcome",
        method="GET",
        path=_START,
        summary=Words("What became of a start", "O que aconteceu com um início"),
        parameters=[
            Parameter("short_token", "query", ANY_TEXT, required=True, example="pss_…"),
            Parameter(
                "client_id",
                "query",
                text(ANY_TEXT, "With a TLS certificate instead of Basic.", "Com certificado TLS em vez de Basic."),
            ),
        ],
        answers={
            200: Answer(
                Words("The holder said yes.", "O titular aprovou."),
                ref("PscStartOutcome"),
                links={"redeem": ("pscToken", {"code": "$response.body#/code"})},
                example={"code": "psa_…", "short_token": "pss_…"},
            ),
            202: WAITING,
        },
        errors=(400, 401, 404, 429, 503),
        security=("basic",),
    ),
)

OPERATIONS: Final[Sequence[Operation]] = (*_VIDAAS_CALLS, *_BIRDID_CALLS)
