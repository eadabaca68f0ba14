"""What an operator sees of a holder: enough to help, nothing that opens anything, and never without a trace."""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.errors import Unavailable
from foundation.ids import new_id
from hsm_service.credentials.service import CredentialService
from linkid.commands.holder import arguments, perform
from linkid.operator_view import NoSuchHolder, NotSearchable, OperatorView, masked_email, without_cpf
from push.domain.addresses import AddressBook
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.service.addresses import AddressService
from push.service.bells import DoorbellService
from push.service.outbox import OutboxService, OutboxWorker
from tests.support.emptied import empty_tables
from tests.support.postgres import TestDatabase

NUMBER, EMAIL, NAME = "+5531987654321", "maria.silva@example.com", "Maria Aparecida da Silva"
CREDENTIAL, PHONE, STRANGER, COMPUTER = (new_id(prefix) for prefix in ("cred", "dev", "dev", "cmp"))
FID = "installation-of-marias-phone"
SECRETS = (NUMBER, "987654", EMAIL, "maria.silva", FID, "c0ffee", "deadbeef", "x-of-the-key")
"""What lies in the rows that are looked at, and must stay there."""


class Town:
    """Maria, her certificate, her phone, a stranger's phone that proved her number, her computer, what rang."""

    def __init__(self, database: Database, owner: Any, clock: FixedClock) -> None:
        self.database, self.owner, self.clock = database, owner, clock
        self.holder = ""
        self.view = OperatorView(database, clock, AuditChain(database, "gateway-operator", clock), "key-of-ana")

    async def settle_down(self) -> None:
        """Everybody moves in."""
        now = self.clock.now()
        service = CredentialService(self.database, self.clock)
        self.holder = await service.record_holder(
            credential=CREDENTIAL, name=NAME, phone=NUMBER, email=EMAIL, kind="person"
        )
        key = '{"kty": "EC", "x": "x-of-the-key"}'
        for device, nickname, state, jkt in (
            (PHONE, "Celular da Maria", "active", "j" * 43),
            (STRANGER, None, "verified", "k" * 43),
        ):
            await self.owner.execute(
                "INSERT INTO pairing.devices (id, jkt, key, nickname, state, token, token_digest, created_at) "
                "VALUES ($1, $2, $3, $4, $5, $6, decode(repeat('deadbeef', 8), 'hex'), $7)",
                device, jkt, key, nickname, state, f"dvt_c0ffee_{device}", now,
            )  # fmt: skip
        await self.owner.execute("INSERT INTO pairing.rings VALUES ($1, $2, $3)", PHONE, CREDENTIAL, now)
        await self.owner.execute("INSERT INTO pairing.numbers VALUES ($1, $2, $3)", STRANGER, NUMBER, now)
        await self.owner.execute(
            "INSERT INTO pairing.computers VALUES ($1, $2, $3, 'Notebook', 'Debian', '1', $4, $4)",
            COMPUTER, "c" * 43, key, now,
        )  # fmt: skip
        await self.owner.execute(
            "INSERT INTO pairing.associations VALUES ($1, $2, $3, $4)", COMPUTER, PHONE, [CREDENTIAL], now
        )
        await self.owner.execute(
            "INSERT INTO pairing.warnings (id, device, credential, kind, phone, since, until, created_at) "
            "VALUES ('wrn_1', $1, $2, 'credential_locked', $1, $3, $4, $3)",
            PHONE, CREDENTIAL, now, now + timedelta(hours=3),
        )  # fmt: skip
        await self.owner.execute(
            "INSERT INTO pairing.warnings (id, device, credential, kind, phone, since, until, created_at) "
            "VALUES ('wrn_2', $1, $2, 'credential_blocked', NULL, $3, NULL, $3)",
            PHONE, CREDENTIAL, now - timedelta(hours=1),
        )  # fmt: skip
        for number, (state, known) in enumerate((("verified", True), ("dead", True), ("dead", False))):
            await self.owner.execute(
                "INSERT INTO pairing.pairings VALUES ($1, $2, $3, $4, $5, $6, 2, 1, $7, $7, $7)",
                f"par_{number}", f"{number}" * 43, key, NUMBER, known, state, now,
            )  # fmt: skip
        await self._ring()

    async def _ring(self) -> None:
        seal = Seal(bytes(32))
        worker = OutboxWorker(self.database, self.clock, seal, {})
        outbox = OutboxService(self.database, self.clock, seal, worker)
        bells = DoorbellService(self.database, self.clock, outbox, pushing=True)
        addresses = AddressService(self.database, self.clock, AddressBook(bytes(32)), vapid=None, fcm=True, hosts=())
        await addresses.register_fcm(PHONE, FID)
        async with self.database.transaction() as connection:
            await bells.ring(connection, [PHONE], "req_1", self.clock.now() + timedelta(minutes=3))
            await outbox.send(connection, NUMBER, "123456 e o seu codigo", self.clock.now() + timedelta(minutes=3))

    async def typed(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
        """As an operator types it: exit code and output."""
        parser = argparse.ArgumentParser()
        arguments(parser)
        code = await perform(self.view, parser.parse_args(words))
        return code, capsys.readouterr().out

    async def audited(self) -> list[dict[str, Any]]:
        """The operators' lines, in order."""
        rows = await self.owner.fetch("SELECT body FROM audit.lines WHERE chain = 'gateway-operator' ORDER BY seq")
        return [json.loads(row["body"]) for row in rows]


@asynccontextmanager
async def settled_town(shared_database: TestDatabase) -> AsyncIterator[Town]:
    """A town in an empty database."""
    for schema in ("pairing", "push", "credentials"):
        await empty_tables(shared_database, schema)
    clock = FixedClock(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    database = Database(await open_pool(shared_database.dsn("linkid_gateway"), max_size=5))
    owner = Database(await open_pool(shared_database.dsn(), max_size=2))
    town = Town(database, owner, clock)
    await town.settle_down()
    yield town
    await database.close()
    await owner.close()


@pytest.fixture
async def town(shared_database: TestDatabase) -> AsyncIterator[Town]:
    async with settled_town(shared_database) as town:
        yield town


async def test_a_holder_is_found_by_any_one_thing(town: Town) -> None:
    """Number however it is typed, e-mail in any case, a part of the name, certificate, holder; and by nothing else."""
    for text in ("(31) 98765-4321", NUMBER, EMAIL.upper(), "aparecida", CREDENTIAL, town.holder, f"  {NUMBER} "):
        [line] = await town.view.find(text)
        assert (line.holder, line.credentials) == (town.holder, [CREDENTIAL])
        assert (line.number, line.email) == ("+55 31 •••••-4321", "m•••@example.com")
    for text in ("(31) 98765-4322", "jose@example.com", "Joaquim", new_id("cred"), new_id("hld")):
        assert await town.view.find(text) == []


@pytest.mark.parametrize("text", ["", " ", "ma", "%", "__", "123", "(11) 3213-4567", "+1 202 555 0100", "'--"])
async def test_what_finds_everybody_finds_nobody(town: Town, text: str) -> None:
    """No wildcard, no two letters, no number that no phone has."""
    with pytest.raises(NotSearchable):
        await town.view.find(text)


async def test_quotes_and_patterns_are_letters_of_a_name(town: Town) -> None:
    """A name is looked for as it stands."""
    for text in ("' OR name LIKE '%", "mar%silva", "Maria\\", "x" * 10_000):
        assert await town.view.find(text) == []


async def test_the_whole_page_of_a_holder(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """Phones with how they are reached and were rung, a stranger's that proved the number, computers, locks, codes."""
    code, text = await town.typed(capsys, "show", town.holder, "--json")
    page = json.loads(text)

    assert code == 0
    assert {phone["id"]: (phone["state"], phone["push"]) for phone in page["phones"]} == {
        PHONE: ("active", "fcm"),
        STRANGER: ("verified", None),
    }
    [bell] = next(phone["bells"] for phone in page["phones"] if phone["id"] == PHONE)
    assert (bell["document"], bell["heard_at"], bell["pushed_at"]) == ("req_1", None, None)
    assert [computer["id"] for computer in page["computers"]] == [COMPUTER]
    assert [(lock["kind"], lock["until"]) for lock in page["locks"]] == [
        ("credential_locked", "2026-11-23T15:00:00Z"),
        ("credential_blocked", None),
    ]
    assert [(proof["state"], proof["sends"]) for proof in page["proofs"]] == [("verified", 2), ("dead", 2), ("dead", 2)]


async def test_nothing_that_opens_anything_is_shown(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in words, not for programs: no number, address, token, key, digest, content."""
    for words in (("find", NUMBER), ("show", town.holder), ("deliveries",)):
        for form in ((), ("--json",)):
            _, text = await town.typed(capsys, *words, *form)
            assert [secret for secret in SECRETS if secret in text] == []
            assert "123456" not in text
            assert FID not in text


async def test_what_left_is_counted_and_codes_convert(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """By kind and state; of four codes sent to one block of numbers, one was typed; messages to nobody do not count."""
    code, text = await town.typed(capsys, "deliveries", "--hours", "1", "--json")
    told = json.loads(text)

    assert code == 0
    assert {(one["kind"], one["state"], one["messages"]) for one in told["sent"]} == {
        (str(Kind.DOORBELL), "queued", 1),
        (str(Kind.PUSH), "queued", 1),
        (str(Kind.SMS), "queued", 1),
    }
    assert [one["waiting"] for one in told["waiting"]] == [1, 1, 1]
    assert told["conversions"] == [{"prefix": "+553198765", "messages": 4, "entered": 1}]
    town.clock.advance(timedelta(hours=3))
    assert json.loads((await town.typed(capsys, "deliveries", "--hours", "1", "--json"))[1])["sent"] == []


@pytest.mark.parametrize("hours", ["0", "49", "-1", "1.5", "²", "1e3", ""])
async def test_hours_that_are_none_are_refused(town: Town, capsys: pytest.CaptureFixture[str], hours: str) -> None:
    """Nothing older than two days is kept."""
    with pytest.raises(SystemExit):
        await town.typed(capsys, "deliveries", f"--hours={hours}")


async def test_every_look_is_written_down_and_not_what_was_looked_for(town: Town) -> None:
    """Who, what kind of look, which holder, how many; also when there was nothing."""
    before = len(await town.audited())
    await town.view.find(NUMBER)
    await town.view.find("nobody at all")
    await town.view.show(town.holder)
    with pytest.raises(NoSuchHolder):
        await town.view.show("hld_" + "0" * 26)
    with pytest.raises(NoSuchHolder):
        await town.view.show("'; DROP TABLE push.outbox; --")
    await town.view.deliveries(timedelta(hours=1))
    lines = (await town.audited())[before:]

    assert [line["event"] for line in lines] == [
        *("operator.searched", "operator.searched", "operator.looked", "operator.looked", "operator.looked"),
        "operator.counted",
    ]
    assert {line["operator"] for line in lines} == {"key-of-ana"}
    assert [line.get("holder") for line in lines] == [None, None, town.holder, None, None, None]
    assert [line.get("count") for line in lines[:2]] == [1, 0]
    for secret in (NUMBER, "nobody at all", NAME, EMAIL, "DROP"):
        assert secret not in json.dumps(lines)


async def test_a_look_that_cannot_be_written_down_is_not_shown(town: Town) -> None:
    """No audit, no answer."""

    class Silent(AuditChain):
        def note(self, connection: Any, event: str, **fields: Any) -> None:
            raise Unavailable("the audit is away")

    view = OperatorView(town.database, town.clock, Silent(town.database, "gateway-operator", town.clock), "key-of-ana")
    for look in (view.find(NUMBER), view.show(town.holder), view.deliveries(timedelta(hours=1))):
        with pytest.raises(Unavailable):
            await look


def test_masks() -> None:
    """What ICP-Brasil writes behind a name, and addresses of every shape."""
    assert without_cpf("CN=MARIA DA SILVA:12345678909,OU=1") == "CN=MARIA DA SILVA:•••,OU=1"
    assert without_cpf("EMPRESA LTDA:11222333000181") == "EMPRESA LTDA:•••"
    assert [masked_email(one) for one in (None, "", "a@b.c", "@b.c")] == ["-", "-", "a•••@b.c", "•••@b.c"]
