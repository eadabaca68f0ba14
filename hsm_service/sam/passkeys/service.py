"""A phone's passkey speaks for every yes of that phone's, where its holder enrolled one (docs/decisions/0052).

Between 7c and 7d of "one signature": after the device key's signature, before a try of the password is counted. So who
has the phone's key and not its screen lock approves nothing, and guesses at no password either.

That a phone has a passkey stands in its bindings, under their MAC and their rank: whoever deletes the passkey's row, or
exchanges it, leaves a phone that decides nothing.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import b64u
from foundation.ids import new_id
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.documents.domain import Fixed
from hsm_service.sam.errors import NoPasskey, PasskeyStands
from hsm_service.sam.passkeys.domain import UNGUARDED, Passkey
from hsm_service.sam.passkeys.store import PasskeyStore
from protocol.decisions import Decision
from protocol.errors import DecisionInvalid, PasskeyInvalid, PasskeyNeeded
from protocol.keys import P256Key
from protocol.passkeys import Assertion, RelyingParty, read_handle

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Spoken:
    """A passkey that spoke for this decision, to be written with it. ``before`` None: it is being enrolled."""

    before: Passkey | None
    after: Passkey

    @property
    def counts(self) -> bool:
        """Whether it went on from what stands in its row."""
        return self.before is not None and self.before != self.after


class Passkeys:
    """Demands, counts, enrols, removes."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        store: PasskeyStore,
        bindings: BindingStore,
        app: RelyingParty,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``app``: at whose origin phones' passkeys speak."""
        self._database, self._audit, self._clock = database, audit, clock
        self._store, self._bindings, self._app, self._random = store, bindings, app, random

    async def demand(self, fixed: Fixed, binding: Binding | None, decision: Decision) -> Spoken | None:
        """7c: P2 to P8, where this yes wants it; None where it does not. No password was tried yet.

        Raises PasskeyNeeded, PasskeyInvalid, PasskeyStands, NoPasskey.
        """
        if binding is None or fixed.document.type in UNGUARDED:
            return None
        standing = await self._standing(binding)
        if fixed.document.type == "passkey":
            if standing is not None:
                raise PasskeyStands(standing.id)
            return await self._speak(None, self._born(fixed, binding), fixed, decision.passkey)
        if standing is None:
            if fixed.document.type == "passkey-end":
                raise NoPasskey(binding.id)
            return None
        return await self._speak(standing, standing, fixed, decision.passkey)

    async def count(self, connection: Connection, spoken: Spoken | None) -> None:
        """Part of 7f: what it said is not taken again. Raises DecisionInvalid when a rival was faster."""
        if spoken is None or spoken.before is None or not spoken.counts:
            return
        if not await self._store.count(connection, spoken.before, spoken.after):
            raise DecisionInvalid("the passkey spoke for something else meanwhile")

    async def enrol(self, connection: Connection, fixed: Fixed, binding: Binding, spoken: Spoken | None) -> None:
        """Effect of ``passkey``: from now on it speaks for whatever this phone is bound to by this key."""
        if spoken is None:
            raise DecisionInvalid("no passkey spoke")
        await self._store.add(connection, spoken.after)
        await self._turn(connection, binding, None, spoken.after.id)
        self._audit.note(
            connection, "passkey.enrolled", passkey=spoken.after.id, device=binding.device, document=fixed.id
        )

    async def remove(self, connection: Connection, fixed: Fixed, binding: Binding) -> None:
        """Effect of ``passkey-end``: the device key is enough again."""
        await self._turn(connection, binding, binding.passkey, None)
        self._audit.note(
            connection, "passkey.removed", passkey=binding.passkey, device=binding.device, document=fixed.id
        )

    async def _turn(self, connection: Connection, binding: Binding, before: str | None, after: str | None) -> None:
        """Every binding of this phone's by this key. Raises DecisionInvalid when one is not what it was."""
        found = await self._bindings.all_of_phone(connection, binding.device)
        own = [one for one in found if one.key.jkt == binding.key.jkt]
        if binding.id not in {one.id for one in own}:
            raise DecisionInvalid("the binding ended meanwhile")
        for one in sorted(own, key=lambda one: one.id):
            if one.passkey != before or not await self._bindings.guard(connection, one, after):
                raise DecisionInvalid("the binding changed meanwhile")
            self._audit.note(connection, "binding.guarded", binding=one.id, state=one.state.value, number=one.turns + 1)

    async def _standing(self, binding: Binding) -> Passkey | None:
        """The passkey that the binding names. Raises PasskeyInvalid when its row is gone, or is another's."""
        if binding.passkey is None:
            return None
        found = await self._store.find(self._database, binding.passkey)
        if found is None or (found.device, found.device_key.jkt) != (binding.device, binding.key.jkt):
            raise PasskeyInvalid("the passkey's row does not hold")
        return found

    def _born(self, fixed: Fixed, binding: Binding) -> Passkey:
        """Of the bytes that the holder signs."""
        said = fixed.document.object("passkey")
        key = P256Key.from_jwk(fixed.context.get("passkey_key"))
        if key.jkt != said.get("key"):
            raise DecisionInvalid("the passkey's key is another one")
        return Passkey(
            id=new_id("psk", self._random),
            device=binding.device,
            device_key=binding.key,
            handle=read_handle(said.get("id")),
            key=key,
            counter=0,
            document=fixed.id,
            created=self._clock.now(),
        )

    async def _speak(self, before: Passkey | None, passkey: Passkey, fixed: Fixed, said: Assertion | None) -> Spoken:
        if said is None:
            raise PasskeyNeeded(data={"passkey": b64u(passkey.handle)})
        after = passkey.used(said.verify(fixed.document, passkey.key, self._app))
        return Spoken(before, after if after == before else await self._store.sealed(after))
