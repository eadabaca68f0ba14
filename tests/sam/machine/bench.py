"""The real SAM under the machine: one database and one token for a whole run, and as many SAMs as die in it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509

from foundation.audit import GENESIS, Head, heads, links_up, verify
from foundation.clock import FixedClock
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmUnavailable
from hsm_service.hsm.settings import HsmSettings
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.settings import FaultPoint
from tests.sam.machine.model import Caller, Holder, Phone, Right
from tests.sam.world import START, Authority, Signer, World, open_world
from tests.support.postgres import TestDatabase

T = TypeVar("T")
CHAIN = "sam-0"
Outcome = tuple[str | None, Any]
"""The code of the error, or None and what was answered."""


class Died(Exception):
    """The SAM would be gone here."""


class Faults(FaultPoints):
    """``reach`` raises at the planned place, once. What was not committed then is rolled back, as PostgreSQL would."""

    planned: FaultPoint | None = None

    def reach(self, name: FaultPoint) -> None:
        if name == self.planned:
            self.planned = None
            raise Died(name)


class LastingAuthority(Authority):
    """Its certificates outlive a long run, whose clock only goes forward."""

    def certificate(self, key: Any, name: str, public: Any, **named: Any) -> x509.Certificate:
        return super().certificate(key, name, public, **{**named, "days": 36_500})


class Bench:
    """Synchronous from outside, as the machine wants it. To be closed."""

    def __init__(self, settings: HsmSettings, database: TestDatabase, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._hsm = Hsm(settings)
        self._database, self._head = database, folder / "machine.head"
        self.authority, self.clock, self.faults = LastingAuthority(), FixedClock(START), Faults()
        self._walked = Head(0, GENESIS)
        self.hsm_fails = False
        """While it is true no password can be tried; everything else in the HSM works."""
        self._fail_when_asked()
        self.run(self._hsm.open())
        self.world: World = self.run(self._fresh())
        self.stranger: Holder = self.run(self._holder("P-256"))

    def _fail_when_asked(self) -> None:
        works = self._hsm.hmac

        async def hmac(label: str, data: bytes) -> bytes:
            if self.hsm_fails and label.startswith("pepper."):
                raise HsmUnavailable("down")
            return await works(label, data)

        self._hsm.hmac = hmac  # type: ignore[method-assign]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def close(self) -> None:
        self.run(self.world.close())
        self.run(self._hsm.close())
        self._loop.close()

    # --- the SAM ----------------------------------------------------------------------------------------------------

    async def _fresh(self) -> World:
        made = await open_world(
            self._hsm, self._database, self._head, self.clock, self.authority, CHAIN, faults=self.faults
        )
        await made.sam.watch.look()
        return made

    def restart(self) -> None:
        """The SAM is gone with all that it remembered; another begins over the same rows."""

        async def replace() -> World:
            await self.world.sam.database.close()
            fresh = await self._fresh()
            fresh.signers, fresh._registered = self.world.signers, self.world._registered
            fresh._attacker, self.world._attacker = self.world._attacker, None
            return fresh

        self.faults.planned = None
        self.world = self.run(replace())

    def call(self, name: str, body: dict[str, Any]) -> Outcome:
        """A private call: the code of its error (``died`` where a fault was planned), or None and the answer."""
        return self.run(self.attempt(self.world.call(name, **body)))

    def calls_at_once(self, name: str, bodies: Sequence[dict[str, Any]]) -> list[Outcome]:
        """The same for several calls in the same moment; outcomes in their order."""

        async def together() -> list[Outcome]:
            calls = [self.attempt(self.world.call(name, **body)) for body in bodies]
            return list(await asyncio.gather(*calls))

        return self.run(together())

    async def attempt(self, work: Coroutine[Any, Any, Any]) -> Outcome:
        try:
            return None, await work
        except LinkIdError as error:
            return error.code, {}
        except Died:
            return "died", {}

    def sql(self, statement: str, *args: Any) -> list[Any]:
        return self.run(self.world.sql(statement, *args))

    # --- whom it serves ---------------------------------------------------------------------------------------------

    def holder(self, key_algorithm: str) -> Holder:
        """Somebody new: a credential, two phones, a computer by each, an integrator with keys and one without."""
        return self.run(self._holder(key_algorithm))

    async def _holder(self, key_algorithm: str) -> Holder:
        world = self.world
        credential = await world.credential(key_algorithm)
        signers = [await world.phone(credential) for _ in range(2)]
        phones = [Phone(one, Right(id=await self.binding(one, credential))) for one in signers]
        callers = [await self.computer(credential, one) for one in signers]
        callers += [Caller(await world.register()), Caller(await world.register(signer=Signer()))]
        return Holder(credential, key_algorithm, phones, callers)

    async def binding(self, phone: Signer, credential: str) -> str:
        rows = await self.world.sql(
            "SELECT id FROM sam.bindings WHERE device = $1 AND credential = $2 AND state <> 'ended'",
            phone.id, credential,
        )  # fmt: skip
        return str(rows[0]["id"])

    async def computer(self, credential: str, phone: Signer, id_: str | None = None) -> Caller:
        """Associated by this phone; ``id_``: one that was associated before."""
        world = self.world
        id_ = id_ or new_id("cmp")
        signer = world.signers.setdefault(id_, Signer())
        computer = {"id": id_, "name": "Notebook", "os": "Linux", "key": signer.public.jwk, "address": "192.0.2.1"}
        made = await world.call("documents/associate", device=phone.id, credentials=[credential], computer=computer)
        await world.decide(phone, made)
        return Caller({"kind": "computer", "id": id_}, Right(id=f"{id_}.{credential}.{made['document']}"))

    # --- the audit --------------------------------------------------------------------------------------------------

    def demand_chain_goes_on(self) -> None:
        """What was written since the last look follows from what stood there then."""
        self.run(self._walk())

    async def _walk(self) -> None:
        database = self.world.sam.database
        end = (await heads(database))[CHAIN]
        async with database.transaction(readonly=True, isolation="repeatable_read") as connection:
            assert await links_up(connection, CHAIN, self._walked, end), f"the audit breaks after {self._walked}"
        self._walked = end

    def demand_chain_whole(self) -> None:
        """From its first line, up to the head kept outside the database."""

        async def walk() -> None:
            kept = await self.world.sam.audit.kept_head()
            report = await verify(self.world.sam.database, CHAIN, kept=kept)
            assert report.good, report

        self.run(walk())
