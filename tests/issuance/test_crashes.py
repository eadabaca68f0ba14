"""A crash between two steps: the same call goes on, and there is one certificate, whatever happened."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from foundation.audit import DatabaseRolledBack
from foundation.channel import PrivateClient
from foundation.clock import FixedClock
from foundation.encoding import b64u, unb64u
from foundation.errors import LinkIdError, Unavailable
from hsm_service.hsm.faults import HsmUnavailable
from issuance.ac.adapters.hsm import HsmAuthorityKeys
from issuance.ac.process import accept_restored_database, initialise_authority, serving_ac
from issuance.ac.settings import AcSettings
from issuance.ac.store import AcStore
from issuance.errors import EmissionUnknown, KeySeenBefore
from linkid.platform import ROOT
from protocol.keys import P256Key
from tests.issuance.ac_child import described
from tests.issuance.conftest import World
from tests.issuance.people import FakeSam, Operator, Visitor, new_p256, public_of, write_pins
from tests.support.postgres import TestDatabase


async def certificates(database: TestDatabase) -> list[tuple[str, str]]:
    """(serial, state), in the order they were intended."""
    connection = await asyncpg.connect(database.dsn())
    try:
        rows = await connection.fetch("SELECT serial, state FROM ac.certificates ORDER BY intended_at, state DESC")
        return [(row["serial"], row["state"]) for row in rows]
    finally:
        await connection.close()


@pytest.fixture
async def agreed(world: World) -> Visitor:
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.up_to_agreement(world.now)
    return visitor


def failing_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool) -> list[Any]:
    """The method fails the first time, before or after it did its work; what it had done is in the list."""
    real: Any = getattr(owner, name)
    results: list[Any] = []

    async def once(*arguments: Any, **named: Any) -> Any:
        if results:
            return await real(*arguments, **named)
        results.append(await real(*arguments, **named) if after else None)
        raise HsmUnavailable if owner is HsmAuthorityKeys else Unavailable

    monkeypatch.setattr(owner, name, once)
    return results


async def test_between_intention_and_signature(world: World, agreed: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """I8 done, I9 not: the retry signs what was intended, under the serial that was intended."""
    possession = world.sam.possession(agreed, world.now)
    failing_once(monkeypatch, HsmAuthorityKeys, "sign_certificate", after=False)
    with pytest.raises(HsmUnavailable):
        await agreed.issue(possession)
    ((intended, state),) = await certificates(world.database)
    assert state == "intended"
    world.clock.advance(60)
    leaf, _, _ = await agreed.issue(possession)
    assert f"{leaf.serial_number:x}" == intended
    assert await certificates(world.database) == [(intended, "issued")]


async def test_between_signature_and_storing(world: World, agreed: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """I9 done, I10 not: what is signed again is bit for bit the same certificate."""
    possession = world.sam.possession(agreed, world.now)
    signed = failing_once(monkeypatch, HsmAuthorityKeys, "sign_certificate", after=True)
    with pytest.raises(HsmUnavailable):
        await agreed.issue(possession)
    world.clock.advance(60)
    leaf, _, _ = await agreed.issue(possession)
    assert leaf == signed[0]


async def test_between_storing_and_answering(world: World, agreed: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """I10 done, the answer lost: the same certificate is given again, also after the visit's half hour."""
    possession = world.sam.possession(agreed, world.now)
    first = await agreed.issue(possession)
    assert await agreed.issue(possession) == first
    failing_once(monkeypatch, AcStore, "certificate_of_order", after=True)
    with pytest.raises(Unavailable):
        await agreed.issue(possession)
    assert await agreed.issue(possession) == first


async def test_a_visit_that_never_came_back(world: World, agreed: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder begins anew with a new key: the old intention is abandoned, and its serial counts as revoked."""
    failing_once(monkeypatch, HsmAuthorityKeys, "sign_certificate", after=True)
    possession = world.sam.possession(agreed, world.now)
    with pytest.raises(HsmUnavailable):
        await agreed.issue(possession)
    ((lost, _),) = await certificates(world.database)
    again = world.visitor()
    await again.up_to_agreement(world.now)
    world.clock.advance(1)
    leaf, issuing, _ = await again.issue(world.sam.possession(again, world.now))
    assert sorted(await certificates(world.database)) == sorted(
        [(lost, "abandoned"), (f"{leaf.serial_number:x}", "issued")]
    )
    # Should the lost one exist somewhere, nobody believes it.
    await world.ac.publisher.keep_fresh()
    crl = x509.load_der_x509_crl(unb64u(str((await world.client.call("pki/issuing.crl"))["body"]), max_len=1 << 20))
    assert [entry.serial_number for entry in crl] == [int(lost, 16)]
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuing, hashes.SHA1()).build()
    answer = await world.client.call("pki/ocsp", {"request": b64u(request.public_bytes(Encoding.DER))})
    status = ocsp.load_der_ocsp_response(unb64u(str(answer["body"]), max_len=1 << 16)).certificate_status
    assert status is ocsp.OCSPCertStatus.GOOD
    # And the first visit, should it come back after all, finds the order used.
    with pytest.raises(LinkIdError, match=r"already_emitted|key_seen_before"):
        await agreed.issue(possession)


async def test_an_abandoned_key_is_not_certified_later(
    world: World, agreed: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that may stand in a certificate nobody saw is not put into another one."""
    key = new_p256()
    failing_once(monkeypatch, HsmAuthorityKeys, "sign_certificate", after=True)
    with pytest.raises(HsmUnavailable):
        await agreed.issue(world.sam.possession(agreed, world.now, key))
    again = world.visitor()
    await again.up_to_agreement(world.now)
    with pytest.raises(KeySeenBefore):
        await again.issue(world.sam.possession(again, world.now, key))


async def test_an_hsm_that_signs_with_another_key(
    world: World, agreed: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10: what does not verify with the issuing key is not released, not stored, and told to nobody in detail."""
    real = HsmAuthorityKeys.sign_certificate

    async def by_root(self: HsmAuthorityKeys, builder: x509.CertificateBuilder, by: Any) -> x509.Certificate:
        return await real(self, builder, "ca-root")

    possession = world.sam.possession(agreed, world.now)
    with monkeypatch.context() as broken:
        broken.setattr(HsmAuthorityKeys, "sign_certificate", by_root)
        with pytest.raises(LinkIdError, match="bad_certificate_made"):
            await agreed.issue(possession)
    assert [state for _, state in await certificates(world.database)] == ["intended"]
    leaf, issuing, _ = await agreed.issue(possession)
    leaf.verify_directly_issued_by(issuing)


# --- kill -9 ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def child(settings: AcSettings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A serving AC in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.issuance.ac_child", described(settings)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            line = b""
            while line != b"ready\n":
                line = await process.stdout.readline()
                assert line, "the AC ended"
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_killed_while_it_stores(
    settings: AcSettings, database: TestDatabase, ac_root_key: P256Key, clock: FixedClock
) -> None:
    """`kill -9`, the signature made and the row not written: the next process completes the same certificate."""
    await initialise_authority(settings)
    sam = FakeSam()
    async with PrivateClient(settings.listen) as client:
        operator = Operator(client, ac_root_key)
        write_pins(settings.trust_file, settings.operators_file, public_of(sam.root), public_of(operator.key))
        visitor = Visitor(client, ac_root_key)
        now = clock.now
        async with child(settings) as process:
            await operator.place(now())
            await visitor.up_to_agreement(now())
            possession = sam.possession(visitor, now())
            blocker = await asyncpg.connect(database.dsn())
            try:
                # I8 may happen, I10 may not: the row cannot be changed while we hold this.
                async with blocker.transaction():
                    await blocker.execute(
                        """CREATE FUNCTION ac.wait() RETURNS trigger LANGUAGE plpgsql AS
                           $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$"""
                    )
                    await blocker.execute(
                        """CREATE TRIGGER waits BEFORE UPDATE OF der ON ac.certificates
                           FOR EACH ROW EXECUTE FUNCTION ac.wait()"""
                    )
                calling = asyncio.create_task(visitor.issue(possession))
                while not await blocker.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
                    await asyncio.sleep(0.05)
                os.kill(process.pid, signal.SIGKILL)
                with pytest.raises(Unavailable):
                    await calling
                await end_sleepers(blocker)
                await blocker.execute("DROP FUNCTION ac.wait CASCADE")
            finally:
                await blocker.close()
        ((intended, state),) = await certificates(database)
        assert state == "intended"
        async with child(settings):
            leaf, _, _ = await visitor.issue(possession)
        assert await certificates(database) == [(intended, "issued")]
        assert f"{leaf.serial_number:x}" == intended


async def end_sleepers(connection: "asyncpg.Connection[Any]") -> None:
    """The killed process's session notices nothing by itself until its statement ends."""
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    while await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        await asyncio.sleep(0.05)


async def test_a_restored_database(settings: AcSettings, ac_root_key: P256Key, clock: FixedClock) -> None:
    """Rows that are behind the kept head: the AC refuses to start, until an operator says that it is on purpose."""
    await initialise_authority(settings, clock)
    sam = FakeSam()
    async with serving_ac(settings, clock) as ac, PrivateClient(settings.listen) as client:
        operator = Operator(client, ac_root_key)
        write_pins(settings.trust_file, settings.operators_file, public_of(sam.root), public_of(operator.key))
        await operator.place(clock.now())
        visitor = Visitor(client, ac_root_key)
        await visitor.up_to_agreement(clock.now())
        head = json.loads(settings.head_file.read_text())
        ahead = {**head, "seq": head["seq"] + 1}
        await ac.database.ping()
    settings.head_file.write_text(json.dumps(ahead))
    with pytest.raises(DatabaseRolledBack):
        async with serving_ac(settings, clock):
            pass
    assert await accept_restored_database(settings, operator=public_of(operator.key).jkt, clock=clock) == 1
    async with serving_ac(settings, clock), PrivateClient(settings.listen) as client:
        visitor.ac = client
        with pytest.raises(EmissionUnknown):
            await visitor.issue(sam.possession(visitor, clock.now()))
