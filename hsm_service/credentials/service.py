"""What other slices may ask about credentials and their holders."""

import secrets
from collections.abc import Sequence

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import Random, is_id, new_id
from hsm_service.credentials.domain.credential import Credential
from hsm_service.credentials.domain.holder import holder_data
from hsm_service.credentials.errors import NoSuchCredential
from hsm_service.credentials.store import CredentialStore, Held, Holder, Wanted


class CredentialService:
    """Made once by the roof. Nothing here decides who may ask: callers do, and pass only ids that are theirs."""

    def __init__(self, database: Database, clock: Clock, random: Random = secrets.token_bytes) -> None:
        """The gateway's database."""
        self._database = database
        self._store = CredentialStore(database)
        self._clock = clock
        self._random = random

    async def record_holder(self, *, credential: str, name: object, phone: object, email: object, kind: object) -> str:
        """Note whose a new credential is; the holder's id (``hld_…``). Repeating it changes nothing.

        Raises BadHolder, or NoSuchCredential for an id that is none.
        """
        if not is_id(credential, "cred"):
            raise NoSuchCredential("not a credential's id")
        data = holder_data(name=name, phone=phone, email=email, kind=kind)
        async with self._database.transaction() as connection:
            return await self._store.record(
                connection, data, credential, new_id=new_id("hld", self._random), now=self._clock.now()
            )

    async def for_number(self, number: str) -> list[Held]:
        """Every credential with a certificate whose holder is reached at this E.164 number; maybe none."""
        return await self._store.for_number(number)

    async def info(self, credential_id: str) -> Credential:
        """One credential. Raises NoSuchCredential, also while it has no certificate yet."""
        found = await self._store.credential(credential_id) if is_id(credential_id, "cred") else None
        if found is None:
            raise NoSuchCredential(credential_id[:40])
        return found

    async def known(self, ids: Sequence[str], *, only_valid: bool = False) -> list[Credential]:
        """Those of ``ids`` that exist, valid longest first; ``only_valid`` drops what cannot sign now."""
        now = self._clock.now()
        found = await self._store.credentials(ids)
        return [credential for credential in found if not only_valid or credential.usable(now)]

    async def held(self, ids: Sequence[str]) -> list[Held]:
        """Those of ``ids`` that belong to somebody, with what kind of holder that is."""
        return await self._store.held(ids)

    async def holder_of(self, credential_id: str) -> Holder | None:
        """Whose it is, or None when nobody was recorded."""
        return await self._store.holder_of(credential_id)

    async def find_holders(self, wanted: Wanted, limit: int) -> list[Holder]:
        """For an operator: at most ``limit`` that match any of what is wanted."""
        return await self._store.find(wanted, limit)

    async def holdings(self, holder: str) -> list[str]:
        """The ids of what belongs to a holder, the newest first."""
        return await self._store.holdings(holder)
