"""Rows of ``sam.credentials``; only those whose MAC holds come out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from foundation.database import Connection, Record
from foundation.errors import Conflict, LinkIdError
from foundation.queries import Queries
from hsm_service.sam.credentials.domain import BOUND_LIVES, Block, Certificate, Credential, State
from hsm_service.sam.errors import CredentialUnknown
from hsm_service.sam.rows import Reader, RowSeals
from protocol.passwords import Argon2

queries = Queries.load("hsm_service.sam.credentials")
TABLE = "credentials"


@dataclass(frozen=True)
class Uses:
    """How many credentials are opened by this KEK and this pepper."""

    kek: int
    pepper: int
    living: int
    """May sign, or get a certificate, now or later."""
    all: int


class RowForged(Conflict):
    """A row of ours whose MAC does not hold, where all must."""

    code = "credential_row_forged"
    summary = "A credential's row does not hold. Look at it before anything is destroyed."


class CredentialStore:
    """Finds, adds and changes credentials."""

    def __init__(self, seals: RowSeals) -> None:
        self.seals = seals

    async def get(self, reader: Reader, id_: str) -> Credential:
        """Raises CredentialUnknown when there is none, or its row does not hold."""
        found = await self._find(reader, queries.by_id, id_)
        if found is None:
            raise CredentialUnknown(id_)
        return found

    async def read(self, record: Record | None, id_: str, since: int) -> Credential:
        """The same of a record that was fetched with more; ``since``: ``RowSeals.now()`` from before that."""
        found = None if record is None else await self.seals.believed(TABLE, _read, record, since)
        if found is None:
            raise CredentialUnknown(id_)
        return found

    async def of_emission(self, reader: Reader, emission: str) -> Credential | None:
        """The credential that an emission began."""
        return await self._find(reader, queries.by_emission, emission)

    async def with_certificate(self, reader: Reader, certificate_hash: bytes) -> Credential | None:
        """By SHA-256 of the certificate's DER."""
        return await self._find(reader, queries.by_certificate, certificate_hash)

    async def add(self, connection: Connection, credential: Credential) -> bool:
        """False when its emission already has one."""
        sealed = replace(credential, mac=await self.seals.seal(TABLE, credential.meaning()))
        row = await connection.fetchval(
            queries.add, sealed.id, sealed.emission, sealed.emission_key, sealed.key_algorithm, sealed.state.value,
            sealed.salt, sealed.argon2.m, sealed.argon2.t, sealed.argon2.p, sealed.kek, sealed.pepper, sealed.created,
            sealed.mac,
        )  # fmt: skip
        return row is not None

    async def change(self, connection: Connection, before: State, credential: Credential) -> bool:
        """Write the next state; False when somebody was faster."""
        mac = await self.seals.seal(TABLE, credential.meaning())
        certificate = credential.certificate
        row = await connection.fetchval(
            queries.change, credential.id, before.value, credential.state.value, credential.kek, credential.pepper,
            credential.spki, credential.bound, credential.request, list(certificate.chain) if certificate else [],
            certificate and certificate.subject, certificate and certificate.serial,
            certificate and certificate.valid_from, certificate and certificate.valid_to, mac,
            0 if credential.block is None else credential.block.number,
        )  # fmt: skip
        if row is not None:
            self.seals.advanced(connection, TABLE, credential)
        return row is not None

    async def sealed(self, credential: Credential) -> Credential:
        """With the MAC of what it says now, for ``rebind``."""
        return replace(credential, mac=await self.seals.seal(TABLE, credential.meaning()))

    async def turn(self, connection: Connection, before: Credential, after: Credential) -> bool:
        """Shut, or open again; False when the row is not the one that was read any more. ``after``: ``sealed``."""
        assert after.block is not None, "what was turned has a block"
        row = await connection.fetchval(
            queries.turn, before.id, before.mac, after.block.number, after.block.at, after.block.by, after.mac
        )
        if row is not None:
            self.seals.advanced(connection, TABLE, after)
        return row is not None

    async def rebind(self, connection: Connection, before: Credential, after: Credential) -> bool:
        """Another binding around the same key; False when the row is not the one that was opened any more.

        ``after``: ``sealed``. The HSM is not asked, so that a transaction that many share does not wait for it.
        """
        row = await connection.fetchval(queries.rebind, before.id, before.mac, after.pepper, after.bound, after.mac)
        return row is not None

    async def every(self, connection: Connection) -> AsyncIterator[Credential]:
        """All of them. Raises RowForged for the first that does not hold: such a table's word destroys nothing."""
        async with aclosing(connection.cursor(queries.every)) as rows:
            async for row in rows:
                try:
                    credential = _read(row)
                except (LinkIdError, ValueError, TypeError) as cause:
                    raise RowForged(str(row["id"])) from cause
                if not await self.seals.genuine(TABLE, credential):
                    raise RowForged(credential.id)
                yield credential

    async def uses(self, reader: Reader, now: datetime) -> list[Uses]:
        """By version of KEK and pepper; counted by the columns, whatever the rows' MACs say."""
        rows = await reader.fetch(queries.uses, now, now - BOUND_LIVES)
        return [Uses(row["kek"], row["pepper"], row["living"], row["all_of_them"]) for row in rows]

    async def lock(self, connection: Connection, id_: str) -> None:
        """Queue behind whoever else counts requests of this credential."""
        await connection.fetchval(queries.lock, id_)

    @staticmethod
    def locking(id_: str) -> tuple[str, Sequence[object]]:
        """The same, for a ``Statement`` that many share a trip with."""
        return queries.lock, (id_,)

    async def _find(self, reader: Reader, query: str, *args: object) -> Credential | None:
        return await self.seals.fetch_one(TABLE, _read, reader, query, *args)


def _read(row: Record) -> Credential:
    certificate = None
    if row["chain"]:
        certificate = Certificate(
            [bytes(one) for one in row["chain"]], row["subject"], row["serial"], row["valid_from"], row["valid_to"]
        )
    block = None
    if row["blocks"]:
        if row["blocked_at"] is None or row["blocked_by"] is None:
            raise ValueError("half a block")  # not written by us
        block = Block(row["blocks"], row["blocked_at"], row["blocked_by"])
    return Credential(
        id=row["id"],
        emission=row["emission"],
        emission_key=row["emission_key"],
        key_algorithm=row["key_algorithm"],
        state=State(row["state"]),
        salt=row["salt"],
        argon2=Argon2(row["argon2_m"], row["argon2_t"], row["argon2_p"]),
        kek=row["kek"],
        pepper=row["pepper"],
        created=row["created_at"],
        spki=row["spki"],
        bound=row["bound"],
        request=row["request"],
        certificate=certificate,
        block=block,
        mac=row["mac"],
    )
