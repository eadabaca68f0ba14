"""An AC whose token refuses its PIN."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from foundation.channel import NotDelivered, PrivateClient
from foundation.errors import LinkIdError
from hsm_service.hsm.module import Module
from issuance.ac.process import run_ac
from issuance.ac.settings import AcSettings
from tests.support.pkcs11_spy import spying


async def test_it_stays_up_not_ready_and_tries_once(settings: AcSettings) -> None:
    """Whoever keeps it up has nothing to start again; every call says what is wrong."""
    module = Module.load(settings.hsm.module)
    module.renew(module.epoch)  # nobody is logged in
    wrong = replace(settings, hsm=settings.hsm.model_copy(update={"pin": SecretStr("not the PIN")}))
    with spying(settings.hsm.module, "C_Login") as logins:
        running = asyncio.create_task(run_ac(wrong))
        try:
            async with PrivateClient(settings.listen) as client:
                assert await answered(client) == {"ready": False, "why": "hsm_login_refused"}
                for call in ("orders/submit", "emission/issue", "pki/root.crt"):
                    with pytest.raises(LinkIdError) as refused:
                        await client.call(call)
                    assert refused.value.code == "hsm_login_refused"
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    assert logins.count == 1


async def answered(client: PrivateClient) -> dict[str, Any]:
    """Its status, once it listens."""
    async with asyncio.timeout(20):
        while True:
            try:
                return dict(await client.call("status"))
            except NotDelivered:
                await asyncio.sleep(0.05)
