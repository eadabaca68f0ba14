"""Our own protocol for pages of integrators, over the same process: docs/desktop.md, *Our own messages*, has examples.

A request is ``{"linkid": 1, "do": …, "origin": …}``; its answer ``{"linkid": 1, "ok": {…}}`` or ``{"linkid": 1,
"error": {"code", "message"}}``. The origin is the extension's word: it puts the tab's in the place of whatever a page
says. Beside Web eID's messages these have names of documents, several under one approval, and a way to give back.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from desktop_agent import VERSION
from desktop_agent.domain.algorithm import HASH_BYTES
from desktop_agent.domain.site import MOST_DOCUMENTS, read_origin
from desktop_agent.errors import AgentError, BadCommand, NobodyAnswered, NotAssociated, RefusedOnPhone
from desktop_agent.web_eid import messages

MARK: Final = "linkid"
SPOKEN: Final = 1
Ask: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]
"""The daemon: ``ask(do, **arguments)``. Raises AgentError."""
CODES: Final[tuple[tuple[type[AgentError], str], ...]] = (
    (BadCommand, "invalid"),
    (RefusedOnPhone, "refused"),
    (NobodyAnswered, "nobody_answered"),
    (NotAssociated, "no_certificate"),
    (AgentError, "not_available"),
)
"""What pages hear."""
NOT_AVAILABLE: Final = "O certificado não está disponível agora."
"""Why is told to the person at the screen (a notice, `doctor`), not to pages."""


def read(data: bytes) -> Mapping[str, Any] | None:
    """A request of ours; None when it is none, and Web eID's perhaps."""
    try:
        request = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return request if isinstance(request, dict) and MARK in request else None


async def answered(request: Mapping[str, Any], ask: Ask) -> Mapping[str, Any]:
    """The answer, whatever was asked."""
    try:
        if request[MARK] != SPOKEN or isinstance(request[MARK], bool):
            raise BadCommand(f"this is version {SPOKEN}", "")
        return {MARK: SPOKEN, "ok": await _done(request, ask)}
    except AgentError as error:
        code = next(code for family, code in CODES if isinstance(error, family))
        message = str(error) if code != CODES[-1][1] else NOT_AVAILABLE
        return {MARK: SPOKEN, "error": {"code": code, "message": message}}


async def _done(request: Mapping[str, Any], ask: Ask) -> Mapping[str, Any]:
    match request.get("do"):
        case "status":
            return {"version": VERSION}
        case "certificates":
            origin = read_origin(request.get("origin"))
            told = (await ask("web-certificates", origin=origin))["certificates"]
            return {"certificates": [{"certificate": one["certificate"], "algorithms": _names(one)} for one in told]}
        case "login":
            return await _login(request, ask)
        case "sign":
            return await _signed(request, ask)
        case "forget":
            await ask("forget-site", origin=read_origin(request.get("origin")))
            return {}
        case _:
            raise BadCommand("unknown request", "")


async def _login(request: Mapping[str, Any], ask: Ask) -> Mapping[str, Any]:
    """Web eID's token, whose verifiers serve: the signature is over the origin and the page's challenge."""
    arguments = {"origin": request.get("origin"), "challengeNonce": request.get("nonce")}
    try:
        origin, _ = messages.origin_of(arguments), messages.demand_nonce(arguments)
    except messages.NotOurs as cause:
        raise BadCommand(str(cause), "") from cause
    one = (await ask("web-certificates", origin=origin))["certificates"][0]
    mine = messages.Mine(one["credential"], one["certificate"], one["family"], one["hash_names"])
    wanted = messages.authentication(arguments, mine)
    digest = base64.b64encode(wanted.digest).decode("ascii")
    made = await ask(
        "web-sign", origin=origin, credential=mine.credential, hash=wanted.hash_name, action=wanted.action,
        digest=digest,
    )  # fmt: skip
    return messages.token(mine, made["signatures"][0], VERSION)


async def _signed(request: Mapping[str, Any], ask: Ask) -> Mapping[str, Any]:
    """1. Everything is looked at before anybody is asked. 2. The site's certificates. 3. One approval for all."""
    origin, name = read_origin(request.get("origin")), request.get("hash")
    named, documents = request.get("certificate"), _documents(request)  # 1
    if not isinstance(name, str) or name not in HASH_BYTES or not isinstance(named, str):
        raise BadCommand("certificate or hash is missing", "")
    if any(len(base64.b64decode(one["digest"])) != HASH_BYTES[name] for one in documents):
        raise BadCommand("a digest has not the length of its hash", "")
    told = (await ask("web-certificates", origin=origin, certificate=named))["certificates"]  # 2
    mine = next((one for one in told if one["certificate"] == named), None)
    if mine is None or name not in mine["hash_names"]:
        raise BadCommand("not a certificate that this site may use, or not with this hash", "")
    made = await ask("web-sign", origin=origin, credential=mine["credential"], hash=name, documents=documents)  # 3
    return {"algorithm": f"{mine['family']}-{name.replace('-', '')}", "signatures": made["signatures"]}


def _documents(request: Mapping[str, Any]) -> list[dict[str, str]]:
    """``name`` and ``digest`` (base64) of each. Raises BadCommand."""
    documents = request.get("documents")
    if not isinstance(documents, list) or not 1 <= len(documents) <= MOST_DOCUMENTS:
        raise BadCommand(f"1 to {MOST_DOCUMENTS} documents", "")
    read_ones = []
    for one in documents:
        name, digest = (one.get("name"), one.get("digest")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not name.strip() or not isinstance(digest, str):
            raise BadCommand("a document has a name and a digest", "")
        try:
            base64.b64decode(digest, validate=True)
        except (binascii.Error, ValueError) as cause:
            raise BadCommand("a digest is base64", "") from cause
        read_ones.append({"name": name, "digest": digest})
    return read_ones


def _names(told: Mapping[str, Any]) -> list[str]:
    return [f"{told['family']}-{name.replace('-', '')}" for name in told["hash_names"]]
