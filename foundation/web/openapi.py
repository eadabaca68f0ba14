"""A description of an API as a table: what is served as OpenAPI 3.1, shown as a page, and fuzzed by tests.

Each slice keeps a `Section` beside its readers (`openapi.py`), with the limits that the readers themselves use. The
roof gathers them, and a test demands one entry for each public route. Nothing here is consulted when a call comes in:
the readers decide, the table says what they decide, and tests hold the two together.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from foundation.errors import JsonObject, JsonValue

DIALECT: Final = "3.1.0"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_PARAMETER: Final = re.compile(r"\{([^}:]+)(?::[^}]*)?\}")

Schema: TypeAlias = JsonObject


@dataclass(frozen=True)
class Words:
    """A sentence for people, in both languages."""

    en: str
    pt: str


def text(schema: Schema, en: str, pt: str) -> Schema:
    """A member's schema with what it means; the Portuguese words go along as an extension."""
    return {**schema, "description": en, "x-descricao": pt}


def ref(name: str) -> Schema:
    """A schema of the same section, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True)
class Parameter:
    """In the address (``path``, ``query``) or a ``header``."""

    name: str
    place: str
    schema: Schema
    required: bool = False
    example: JsonValue = None


@dataclass(frozen=True)
class Body:
    """What is sent. ``example``: one that the readers take; ``others``: content types that it may have instead."""

    schema: Schema
    media: str = JSON
    example: JsonValue = None
    required: bool = True
    others: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """What comes back. ``media`` None: nothing; ``others``: what it may be instead.

    ``links``: name to (operation, {member: expression}). A member of the next call's body by its name, whatever else it
    takes by ``query.NAME`` or ``header.NAME``.
    """

    about: Words
    schema: Schema | None = None
    media: str | None = JSON
    headers: Mapping[str, Schema] = field(default_factory=dict)
    links: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    others: Mapping[str, Schema | None] = field(default_factory=dict)
    example: JsonValue = None


@dataclass(frozen=True)
class Callback:
    """What we post by ourselves because of a call, to an address that stood in it (``to``: an expression)."""

    about: Words
    to: str
    schema: Schema
    example: JsonValue = None


@dataclass(frozen=True)
class Operation:
    """One call."""

    id: str
    method: str
    path: str
    summary: Words
    answers: Mapping[int, Answer]
    errors: Sequence[int] = ()
    """Statuses with the section's own error body."""
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    security: Sequence[str] = ()
    """Names of schemes, any one of which will do; none: anybody may call."""
    optional_security: bool = False
    """It may also be called without any: those that it has travel in the body."""
    below: Sequence[str] = ()
    """Beginnings of paths under which the very same call is too."""
    callbacks: Mapping[str, Callback] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """What one slice says of itself."""

    tag: str
    title: Words
    about: Words
    operations: Sequence[Operation]
    error: str
    """Name of the schema of its errors."""
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    security: Mapping[str, Schema] = field(default_factory=dict)
    events: Mapping[str, tuple[Words, Schema]] = field(default_factory=dict)
    """What we send by ourselves, by name."""


STATUS: Final[Mapping[int, Words]] = {
    400: Words("The request is not valid, or cannot be granted.", "O pedido não é válido, ou não pode ser atendido."),
    401: Words("Who is calling is not known.", "Quem chama não foi identificado."),
    403: Words("Not permitted.", "Não permitido."),
    404: Words("There is nothing here.", "Não há nada aqui."),
    405: Words("Another method is wanted.", "É preciso outro método."),
    409: Words("Something else is in the way.", "Outra coisa está no caminho."),
    413: Words("The body is too large.", "O corpo é grande demais."),
    415: Words("The content type is not taken here.", "O tipo de conteúdo não é aceito aqui."),
    429: Words("Too many; wait `Retry-After` seconds.", "Demais; espere `Retry-After` segundos."),
    501: Words("The method is not implemented.", "O método não existe aqui."),
    503: Words("Away for a moment; wait `Retry-After` seconds.", "Fora por um momento; espere `Retry-After` segundos."),
}
_WAITS: Final = (429, 503)
_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}


def document(sections: Sequence[Section], *, server: str, title: str, version: str) -> JsonObject:
    """The whole as OpenAPI 3.1."""
    paths: dict[str, dict[str, JsonValue]] = {}
    schemas: dict[str, JsonValue] = {}
    security: dict[str, JsonValue] = {}
    webhooks: dict[str, JsonValue] = {}
    for section in sections:
        schemas |= section.schemas
        security |= section.security
        webhooks |= {name: _event(section, *told) for name, told in section.events.items()}
        for operation in section.operations:
            paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, section, server)
    return {
        "openapi": DIALECT,
        "info": {"title": title, "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": server}],
        "tags": [{"name": one.tag, "description": one.about.en, "x-descricao": one.about.pt} for one in sections],
        "paths": paths,
        "webhooks": webhooks,
        "components": {"schemas": schemas, "securitySchemes": security},
    }


def _operation(operation: Operation, section: Section, server: str) -> JsonObject:
    told: dict[str, JsonValue] = {
        "operationId": operation.id,
        "tags": [section.tag],
        "summary": operation.summary.en,
        "x-resumo": operation.summary.pt,
        "responses": {
            **{str(status): _answer(answer) for status, answer in sorted(operation.answers.items())},
            **{str(status): _error(status, section) for status in sorted(operation.errors)},
        },
    }
    if operation.parameters:
        told["parameters"] = [
            {
                "name": one.name,
                "in": one.place,
                "required": one.required or one.place == "path",
                **_content(one.schema, one.example),
            }
            for one in operation.parameters
        ]
    if operation.body is not None:
        content = _content(operation.body.schema, operation.body.example)
        kinds = (operation.body.media, *operation.body.others)
        told["requestBody"] = {"required": operation.body.required, "content": dict.fromkeys(kinds, content)}
    if operation.below:
        told["servers"] = [{"url": server + beginning} for beginning in ("", *operation.below)]
    if operation.callbacks:
        told["callbacks"] = {name: {one.to: _callback(section, one)} for name, one in operation.callbacks.items()}
    alternatives: list[JsonValue] = [{name: []} for name in operation.security]
    told["security"] = [*alternatives, {}] if operation.optional_security else alternatives
    return told


def _answer(answer: Answer) -> JsonObject:
    told: dict[str, JsonValue] = {"description": answer.about.en, "x-descricao": answer.about.pt}
    if answer.media is not None:
        others = {media: _content(schema) for media, schema in answer.others.items()}
        told["content"] = {answer.media: _content(answer.schema, answer.example), **others}
    if answer.headers:
        told["headers"] = {name: {"schema": schema, "required": True} for name, schema in answer.headers.items()}
    if answer.links:
        told["links"] = {name: _link(to, members) for name, (to, members) in answer.links.items()}
    return told


def _content(schema: Schema | None, example: JsonValue = None) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {} if schema is None else {"schema": schema}
    return told if example is None else {**told, "example": example}


def _link(to: str, members: Mapping[str, str]) -> JsonObject:
    elsewhere = {name: one for name, one in members.items() if "." in name}
    body = {name: one for name, one in members.items() if "." not in name}
    told: dict[str, JsonValue] = {"operationId": to}
    if elsewhere:
        told["parameters"] = elsewhere
    if body:
        told["requestBody"] = body
    return told


def _event(section: Section, about: Words, schema: Schema, example: JsonValue = None) -> JsonObject:
    return {
        "post": {
            "tags": [section.tag],
            "summary": about.en,
            "x-resumo": about.pt,
            "requestBody": {"required": True, "content": {JSON: _content(schema, example)}},
            "responses": {"2XX": {"description": "Taken; anything else is tried again.", "x-descricao": "Aceito."}},
        }
    }


def _callback(section: Section, one: Callback) -> JsonObject:
    return _event(section, one.about, one.schema, one.example)


def _error(status: int, section: Section) -> JsonObject:
    headers = {"Retry-After": _SECONDS} if status in _WAITS else {}
    return _answer(Answer(STATUS[status], ref(section.error), headers=headers))


def path_of(route: str) -> str:
    """A route's path as OpenAPI writes it: no expressions inside the braces."""
    return _PARAMETER.sub(lambda found: "{" + found[1] + "}", route)


def told_of(sections: Iterable[Section]) -> set[tuple[str, str]]:
    """Method and path of everything that is described, wherever it is."""
    return {
        (one.method, beginning + one.path)
        for section in sections
        for one in section.operations
        for beginning in ("", *one.below)
    }
