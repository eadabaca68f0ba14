"""What must stand in a sandbox before every link of the described API can be followed, and how the hooks are told.

An application signs by the holder's factors only under a consent; an approved session answers every `authorizeCheck`
with its SAD. Both are asked for here, as any application asks, and Ana's program approves them.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Final

import aiohttp

from linkid.sandbox.kit import REDIRECT
from linkid.sandbox.people import HOLDERS
from protocol.codes import PERIOD
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import FileStorage
from tests.sandbox.newcomer import SHA256, Sandbox

_HOLDER: Final = "approves"
_SECONDS: Final = 2 * 3600
"""Of the session and of the codes: longer than any one run of `st`."""
_MANY: Final = 100_000
_CONSENTED: Final = 1000


async def factors(sandbox: Sandbox) -> dict[str, str]:
    """A consent of Ana's and her phone's codes, for `fuzz_hooks.py`. Once for a sandbox: new codes end the old ones."""
    variable = "HOLDER_APPROVES"
    terms = {"consent": {"seconds": 86_400, "purpose": "fuzz"}}
    await _approved(sandbox, variable, numSignatures=_CONSENTED, clientData=json.dumps(terms))
    folder = sandbox.folder / "var" / "sandbox"
    credential = sandbox.variables[variable]
    password = json.loads((folder / "kit.json").read_text(encoding="utf-8"))["passwords"][_HOLDER]
    async with await SandboxPhone.open(storage=FileStorage(folder / f"phone-{_HOLDER}.json")) as phone:
        await _generator(phone, credential, password)
        first = int(time.time()) // PERIOD
        codes = [phone.code(credential, step * PERIOD) for step in range(first, first + _SECONDS // PERIOD)]
    kept = sandbox.folder / "var" / "fuzz"
    kept.mkdir(exist_ok=True)
    (kept / "step").write_text(str(first - 1), encoding="utf-8")  # a code serves once, whichever run of `st` used it
    told = {"FUZZ_PASSWORD": password, "FUZZ_CODES": f"{first} {','.join(codes)}", "FUZZ_FOLDER": str(kept)}
    return {**told, "FUZZ_CALLBACK": REDIRECT}


async def _generator(phone: SandboxPhone, credential: str, password: str) -> None:
    """Until this phone's yes was the first: her program says yes to whatever arrives, and then has the generator."""
    while True:
        try:
            return await phone.get_generator(credential, password)
        except GatewayRefused as refused:
            if refused.reason != "document_decided":
                raise


async def session(sandbox: Sandbox) -> dict[str, str]:
    """The handle of an approved session of Ana's, and its SAD."""
    terms = {"session": {"seconds": _SECONDS, "purpose": "fuzz"}}
    more: dict[str, Any] = {"hashAlgorithmOID": SHA256, "clientData": json.dumps(terms)}
    handle, told = await _approved(sandbox, "HOLDER_APPROVES", numSignatures=_MANY, **more)
    return {"FUZZ_HANDLE": handle, "FUZZ_SAD": str(told["SAD"])}


async def started(sandbox: Sandbox) -> dict[str, str]:
    """A start of BirdID's whose number Ana's phone typed: `GET /oauth/start` has its code, for two minutes."""
    told = sandbox.variables
    body = {
        "client_id": told["CLIENT_ID"],
        "client_secret": told["CLIENT_SECRET"],
        "callback_url": REDIRECT,
        "username": HOLDERS[0].cpf,
        "scope": "single_signature",
    }
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{sandbox.url}/psc/birdid/oauth/start", json=body) as answer:
            begun = await answer.json()
            if answer.status != 200:
                raise SystemExit(f"the sandbox is not as it should be: {answer.status} {begun}")
    folder = sandbox.folder / "var" / "sandbox"
    async with await SandboxPhone.open(storage=FileStorage(folder / f"phone-{_HOLDER}.json")) as phone:
        while True:
            statement = await phone.wait_for("identify")
            if await phone.wants_number(statement.id):
                await phone.approve(statement, shown_number=str(begun["challenge"]))
                return {"FUZZ_START": str(begun["short_token"])}
            await asyncio.sleep(0.2)  # another one's, that her program is about to answer


async def _approved(sandbox: Sandbox, holder: str, **body: Any) -> tuple[str, dict[str, Any]]:
    """Asked for, and waited for: the handle, and what `authorizeCheck` then says."""
    asked = {"credentialID": sandbox.variables[holder], **body}
    status, answer = await sandbox.csc("credentials/authorize", **asked)
    while status == 429:  # her program decides another one still
        await asyncio.sleep(0.2)
        status, answer = await sandbox.csc("credentials/authorize", **asked)
    while status == 202:
        handle = str(answer["handle"])
        status, answer = await sandbox.csc("credentials/authorizeCheck", wait=10, handle=handle)
    if status != 200:
        raise SystemExit(f"the sandbox is not as it should be: {status} {answer}")
    return handle, answer
