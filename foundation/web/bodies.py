"""JSON in, checked by a closed model; JSON out, never cached."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from aiohttp import http_exceptions, web
from pydantic import BaseModel, ConfigDict, ValidationError

from foundation.encoding import strict_json
from foundation.errors import BadInput, JsonObject, JsonValue
from foundation.web.errors import BadRequest, BodyTooLarge, UnsupportedMedia

MAX_BODY: Final = 64 * 1024
"""Bytes of a JSON body where the caller names no other limit: 100 hashes with labels fit three times."""
BODY_SECONDS: Final = 15
"""A body of that size takes a bad mobile line three seconds; who takes longer is holding connections open."""

M = TypeVar("M", bound=BaseModel)


class InvalidField(BadInput):
    """A body that the model refuses. ``data`` has ``field`` (dotted path) and ``expected``."""

    code = "invalid_field"
    summary = "A field of the request is not valid."


class SlowBody(BadInput):
    """The body did not arrive in time."""

    code = "body_too_slow"
    summary = "The request's body did not arrive in time."


class WireModel(BaseModel):
    """The base of every request body: strict types, no unknown members, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


async def read_body(request: web.Request, *, max_bytes: int, seconds: float | None = None) -> bytes:
    """The body, never more than ``max_bytes`` in memory. ``seconds``: where a long one may take longer than usual.

    Raises BodyTooLarge, SlowBody, BadRequest.
    """
    if (request.content_length or 0) > max_bytes:
        raise BodyTooLarge(f"at most {max_bytes} bytes")
    collected = bytearray()
    try:
        if request.content.is_eof():  # it came with the headers, as most do: nothing to wait for
            collected += request.content.read_nowait()
            if len(collected) > max_bytes:
                raise BodyTooLarge(f"at most {max_bytes} bytes")
            return bytes(collected)
        async with asyncio.timeout(seconds or BODY_SECONDS):
            async for chunk in request.content.iter_chunked(16 * 1024):
                collected += chunk
                if len(collected) > max_bytes:
                    raise BodyTooLarge(f"at most {max_bytes} bytes")
    except TimeoutError as cause:
        raise SlowBody from cause
    except (http_exceptions.HttpProcessingError, web.RequestPayloadError) as cause:
        raise BadRequest("the body is not what its headers promise") from cause
    return bytes(collected)


async def read_json(
    request: web.Request, model: type[M], max_bytes: int = MAX_BODY, *, may_be_empty: bool = False
) -> M:
    """The body as ``model``. An empty body is ``{}`` where ``may_be_empty``.

    Raises UnsupportedMedia unless application/json, BodyTooLarge, BadEncoding (not strict JSON), InvalidField naming
    the field and what was expected (never the value).
    """
    body = await read_body(request, max_bytes=max_bytes)
    if not body and may_be_empty:
        body = b"{}"
    elif request.content_type != "application/json":
        raise UnsupportedMedia("expected application/json")
    value = strict_json(body, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise InvalidField("expected a JSON object", data={"field": "", "expected": "a JSON object"})
    return validated(model, body)


def validated(model: type[M], body: bytes) -> M:
    """A model from JSON text that ``strict_json`` already accepted. Raises InvalidField."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = field_path(first["loc"])
        expected = _expected(first["type"], first["msg"])
        raise InvalidField(f"{path}: {expected}", data={"field": path, "expected": expected}) from None


def field_path(location: Sequence[int | str]) -> str:
    """``documents.0.label``; an unknown member's own name is cut, since the sender chose it."""
    return ".".join(str(part)[:64] for part in location)


def _expected(kind: str, text: str) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown member"
        case "missing":
            return "required"
        case _:
            return text.removeprefix("Value error, ").replace("Input should be", "expected")


def answer(body: JsonObject | Sequence[JsonValue], *, status: int = 200) -> web.Response:
    """A JSON answer that nobody keeps: everything here is about one holder at one moment."""
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
