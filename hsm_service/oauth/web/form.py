"""Parameters of OAuth requests, read strictly: once each, in the body, not too long."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from foundation.web import UnsupportedMedia
from foundation.web.bodies import read_body
from hsm_service.oauth.errors import BadOAuthRequest

MAX_FORM: Final = 16 * 1024
"""Bytes. A client assertion has about 500."""
MAX_PUSHED: Final = 256 * 1024
"""Bytes of a pushed request: a hundred hashes with their labels, escaped."""
_MAX_FIELDS: Final = 40


async def read_form(request: web.Request, max_bytes: int = MAX_FORM) -> Mapping[str, str]:
    """The body of a program's request.

    Raises UnsupportedMedia, BadOAuthRequest for a repeated parameter (RFC 6749 section 3.2), or for parameters in the
    address: those end up in logs, and some clients do put secrets there.
    """
    if request.query_string:
        raise BadOAuthRequest("parameters belong into the body, not into the address")
    if request.content_type != "application/x-www-form-urlencoded":
        raise UnsupportedMedia("expected application/x-www-form-urlencoded")
    body = await read_body(request, max_bytes=max_bytes)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=_MAX_FIELDS,
            encoding="utf-8", errors="strict",
        )  # fmt: skip
    except ValueError as cause:
        raise BadOAuthRequest("the body is not a form in UTF-8") from cause
    return once(pairs)


def once(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Parameters by name. Empty ones count as left out (section 3.1). Raises BadOAuthRequest for a repeated one."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise BadOAuthRequest("a parameter stands there twice")
        if "\0" in value:
            raise BadOAuthRequest("a parameter has a NUL character")
        found[name] = value
    return {name: value for name, value in found.items() if value}
