"""What other slices may ask about credentials and their holders."""

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import Random, is_id, new_id
from foundation.together import Together
from hsm_service.credentials.domain.credential import Credential, Facts
from hsm_service.credentials.domain.holder import holder_data
from hsm_service.credentials.domain.identification import Identification, identification_of
from hsm_service.credentials.errors import NoSuchCredential, UnreadableCertificate
from hsm_service.credentials.store import CredentialStore, Held, Holder, Wanted

_BITE: Final = 500


class Identifications:
    """Which credentials a CPF or CNPJ has. The table knows keyed digests of numbers, not numbers."""

    def __init__(self, database: Database, key: bytes) -> None:
        """``key``: 32 bytes, the same for every gateway."""
        self._store = CredentialStore(database)
        self._key = key

    def digest(self, identification: Identification) -> bytes:
        """What stands in a row for a number."""
        text = f"linkid-identification-v1|{identification.kind}|{identification.number}"
        return hmac.digest(self._key, text.encode("ascii"), "sha256")

    async def credentials(self, digest: bytes) -> list[str]:
        """Ids by a number's digest; the lookup is the same whether or not there are any."""
        return await self._store.by_identification(digest)

    async def note(self, credential: str, certificate: bytes) -> None:
        """A credential with its certificate."""
        try:
            found = identification_of(certificate)
        except UnreadableCertificate:
            found = None
        await self._store.add_identification(credential, None if found is None else self.digest(found))

    async def catch_up(self) -> int:
        """Note every credential that was not looked at yet; how many there were."""
        seen, last = 0, ""
        while rows := await self._store.unidentified(last, _BITE):
            for credential, certificate in rows:
                await self.note(credential, certificate)
            seen, last = seen + len(rows), rows[-1][0]
        return seen


class CredentialService:
    """Made once by the roof. Nothing here decides who may ask: callers do, and pass only ids that are theirs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: Random = secrets.token_bytes,
        *,
        identifications: Identifications | None = None,
    ) -> None:
        """The gateway's database; ``identifications``: who notes under which number a new credential is found."""
        self._identifications = identifications
        self._database = database
        self._store = CredentialStore(database)
        # Who asks about one at the same moment as others shares their look.
        self._facts: Together[str, Facts] = Together(self._store.facts)
        self._whole: Together[str, Credential] = Together(self._credentials)
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
            holder = await self._store.record(
                connection, data, credential, new_id=new_id("hld", self._random), now=self._clock.now()
            )
        if self._identifications is not None:
            for made in await self._store.credentials([credential]):
                await self._identifications.note(credential, made.chain[0])
        return holder

    async def for_number(self, number: str) -> list[Held]:
        """Every credential with a certificate whose holder is reached at this E.164 number; maybe none."""
        return await self._store.for_number(number)

    async def info(self, credential_id: str) -> Credential:
        """One credential. Raises NoSuchCredential, also while it has no certificate yet."""
        found = await self._whole.get(credential_id) if is_id(credential_id, "cred") else None
        if found is None:
            raise NoSuchCredential(credential_id[:40])
        return found

    async def facts(self, credential_id: str) -> Facts:
        """The same without its certificates. Raises NoSuchCredential."""
        found = await self._facts.get(credential_id) if is_id(credential_id, "cred") else None
        if found is None:
            raise NoSuchCredential(credential_id[:40])
        return found

    async def _credentials(self, ids: Sequence[str]) -> dict[str, Credential]:
        return {one.id: one for one in await self._store.credentials(ids)}

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
