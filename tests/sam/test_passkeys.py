"""A phone's passkey: without its word that phone approves nothing, and no password is tried."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.process import build_sam
from protocol.keys import P256Key
from sandbox_phone.domain.passkey import PRESENT, VERIFIED, Passkey
from tests.sam.world import APP, START, Authority, Signer, World, open_world
from tests.support.postgres import TestDatabase

ES256 = "ECDSA-SHA256"


def passkey(app: str = APP) -> Passkey:
    return Passkey(ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(32), app)


class Guarded:
    """A holder whose phone has a passkey."""

    def __init__(self, world: World, credential: str, phone: Signer, key: Passkey) -> None:
        self.world, self.credential, self.phone, self.key = world, credential, phone, key
        self.counter = 0

    async def asked(self) -> tuple[str, Any]:
        """A request waits: its id and statement."""
        request = await self.world.ask(self.credential, algorithm=ES256)
        return request.id, request.statement

    def body(self, statement: Any, spoken: Any = "passkey", **named: Any) -> dict[str, Any]:
        """A decision; with the passkey's word, another one, or (None) without."""
        said = self.key.speak(statement.document.data, self.counter) if spoken == "passkey" else spoken
        decision = self.phone.decision(statement, **named)
        return decision if said is None else {**decision, "passkey": said}

    async def decide(self, id_: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self.world.call("documents/decide", document=id_, device=self.phone.id, **body)

    async def refused(self, id_: str, body: dict[str, Any]) -> str:
        """The refusal's code; and no try of the password was counted."""
        code = await self.world.refused("documents/decide", document=id_, device=self.phone.id, **body)
        [bound] = [one for one in await self.bindings() if one["credential"] == self.credential]
        assert bound["tries_left"] == 3
        return code

    async def bindings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.world.call("bindings/list", device=self.phone.id))["bindings"]
        return found

    async def ask_end(self) -> tuple[str, Any]:
        made = await self.world.call("documents/passkey_end", device=self.phone.id, credential=self.credential)
        return made["document"], self.world.open(made["statement"])


async def ask_passkey(world: World, credential: str, phone: Signer, key: Passkey) -> dict[str, Any]:
    return await world.call("documents/passkey", device=phone.id, credential=credential, passkey=key.members)


async def guard(world: World, credential: str, phone: Signer, counter: int = 0) -> Guarded:
    """Asked for, approved with the password and the passkey's own first word."""
    key = passkey()
    made = await ask_passkey(world, credential, phone, key)
    holder = Guarded(world, credential, phone, key)
    holder.counter = counter
    await holder.decide(made["document"], holder.body(world.open(made["statement"])))
    return holder


@pytest.fixture
async def holder(world: World) -> Guarded:
    credential = await world.credential("P-256")
    return await guard(world, credential, await world.phone(credential))


async def test_from_then_on_it_speaks_for_every_yes(holder: Guarded) -> None:
    """Signatures, sessions, a computer, codes: refused without its word, taken with it; a no needs nothing."""
    world = holder.world
    assert [one["passkey"] for one in await holder.bindings()] == [True]
    request = await world.ask(holder.credential, algorithm=ES256)
    assert await holder.refused(request.id, holder.body(request.statement, None)) == "passkey_needed"
    decided = await holder.decide(request.id, holder.body(request.statement))
    signatures = await world.sign(request, decided["activation"])
    world.verify(await world.certificate(holder.credential), request, signatures)
    computer = {"id": new_id("cmp"), "name": "PC", "os": "Linux", "key": Signer().public.jwk, "address": "192.0.2.1"}
    delivery = Signer().public.jwk
    for name, body in (
        ("documents/associate", {"credentials": [holder.credential], "computer": computer}),
        ("documents/identify", {"integrator": {"id": world.integrator["id"]}, "scope": "service", "address": "x"}),
        ("documents/generator", {"credential": holder.credential, "delivery_key": delivery}),
    ):
        made = await world.call(name, device=holder.phone.id, **body)
        statement = world.open(made["statement"])
        assert await holder.refused(made["document"], holder.body(statement, None)) == "passkey_needed", name
        assert (await holder.decide(made["document"], holder.body(statement)))["state"] == "approved", name
    session = await world.ask_session(holder.credential)
    body = holder.phone.decision(session.statement, word=session.word)
    assert await holder.refused(session.id, body) == "passkey_needed"
    body["passkey"] = holder.key.speak(session.statement.document.data)
    assert "activation" in await holder.decide(session.id, body)
    id_, statement = await holder.asked()
    assert (await holder.decide(id_, holder.phone.decision(statement, word="refuse:not-me")))["state"] == "refused"


@pytest.mark.parametrize(
    "lies",
    [
        {"flags": PRESENT}, {"flags": VERIFIED}, {"flags": 0}, {"origin": "https://evil.example"},
        {"name": "evil.example"}, {"type": "webauthn.create"}, {"crossOrigin": True}, {"challenge": b64u(bytes(32))},
    ],
    ids=str,
)  # fmt: skip
async def test_a_word_that_is_not_for_this(holder: Guarded, lies: dict[str, Any]) -> None:
    """Nobody verified, another origin or name, made at the creation, in a frame, over another challenge."""
    id_, statement = await holder.asked()
    said = holder.key.speak(statement.document.data, **lies)
    assert await holder.refused(id_, holder.body(statement, said)) == "passkey_invalid"
    assert (await holder.decide(id_, holder.body(statement)))["state"] == "approved"


async def test_words_of_others_and_of_before(holder: Guarded) -> None:
    """Another passkey's, another phone's, the word over another request, the very word that approved one before."""
    world = holder.world
    before, first = await holder.asked()
    said = holder.key.speak(first.document.data)
    await holder.decide(before, holder.body(first, said))
    other = await guard(world, holder.credential, await world.phone(holder.credential))
    id_, statement = await holder.asked()
    for word in (said, passkey().speak(statement.document.data), other.key.speak(statement.document.data)):
        assert await holder.refused(id_, holder.body(statement, word)) == "passkey_invalid"
    malformed: list[Any] = [{}, {"signature": "x"}, [], "x", 5, {**said, "client_data": None}]
    for one in malformed:
        assert await holder.refused(id_, {**holder.body(statement, None), "passkey": one}) == "passkey_invalid"
    assert (await other.decide(id_, other.body(statement)))["state"] == "approved"


async def test_a_counter_that_does_not_go_on(world: World) -> None:
    """Whoever copied a passkey that counts is behind it: the same number again, and a lower one, are refused; a word
    that was refused for a wrong password may be said again."""
    credential = await world.credential("P-256")
    holder = await guard(world, credential, await world.phone(credential), counter=7)
    id_, statement = await holder.asked()
    for holder.counter in (7, 6, 0):
        assert await holder.refused(id_, holder.body(statement)) == "passkey_invalid"
    holder.counter = 8
    said = holder.key.speak(statement.document.data, 8)
    wrong = holder.body(statement, said, password="Errada999")
    assert await world.refused("documents/decide", document=id_, device=holder.phone.id, **wrong) == "password_wrong"
    await holder.decide(id_, holder.body(statement, said))
    id_, statement = await holder.asked()
    assert await holder.refused(id_, holder.body(statement)) == "passkey_invalid"
    holder.counter = 9
    await holder.decide(id_, holder.body(statement))


async def test_two_words_of_one_number_at_once(world: World) -> None:
    """Of two requests that a passkey and its copy speak for with the same number, one is approved."""
    credential = await world.credential("P-256")
    holder = await guard(world, credential, await world.phone(credential), counter=1)
    callers = [await world.register(), await world.register()]
    asked = [await world.ask(credential, algorithm=ES256, caller=caller) for caller in callers]
    holder.counter = 2
    bodies = [holder.body(one.statement) for one in asked]
    answers = await asyncio.gather(
        *(holder.decide(one.id, body) for one, body in zip(asked, bodies, strict=True)), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, LinkIdError)]
    assert [one.code for one in refused] in (["decision_invalid"], ["passkey_invalid"])
    assert len(await world.sql("SELECT * FROM sam.activations WHERE credential = $1", credential)) == 1


@pytest.mark.parametrize("type_", ["sign", "session"])
async def test_a_yes_that_was_on_its_way_when_it_was_enrolled(
    world: World, monkeypatch: pytest.MonkeyPatch, type_: str
) -> None:
    """Whoever uses the phone's key and knows the password is not faster than the passkey by a moment: what is committed
    after it was enrolled needs its word."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    asked: Any = await (world.ask(credential, algorithm=ES256) if type_ == "sign" else world.ask_session(credential))
    word = {} if type_ == "sign" else {"word": asked.word}
    custody: Any = world.sam.rooms.decisions._custody
    unbind = custody.unbind

    async def meanwhile(*given: Any) -> Any:
        monkeypatch.undo()
        opened = await unbind(*given)
        await guard(world, credential, phone)
        return opened

    monkeypatch.setattr(custody, "unbind", meanwhile)
    code = await world.refused(
        "documents/decide", document=asked.id, device=phone.id, **phone.decision(asked.statement, **word)
    )
    assert code == "decision_invalid"
    assert await world.sql("SELECT * FROM sam.activations") == []


async def test_a_thief_of_the_phones_key_enrols_nothing(world: World) -> None:
    """Without the password, without the new passkey's own word, with another key than the bytes name, of another's
    certificate: no passkey; and where one stands, no second one."""
    credential, elsewhere = await world.credential("P-256"), await world.credential("P-256")
    phone, key = await world.phone(credential), passkey()
    made = await ask_passkey(world, credential, phone, key)
    statement = world.open(made["statement"])
    assert statement.document.object("passkey") == {
        "id": b64u(key.handle), "key": P256Key.from_public(key.key.public_key()).jkt,
    }  # fmt: skip
    thief = Guarded(world, credential, phone, key)
    right, wrong = thief.body(statement), thief.body(statement, password="Errada999")
    assert await thief.refused(made["document"], thief.body(statement, None)) == "passkey_needed"
    assert await thief.refused(made["document"], {**right, "proof": None}) == "decision_invalid"
    for word in (passkey().speak(statement.document.data), key.speak(statement.document.data, flags=PRESENT)):
        assert await thief.refused(made["document"], thief.body(statement, word)) == "passkey_invalid"
    about = {"document": made["document"], "device": phone.id}
    assert await world.refused("documents/decide", **about, **wrong) == "password_wrong"
    for change in ({"credential": elsewhere}, {"device": new_id("dev")}):
        body = {"device": phone.id, "credential": credential, "passkey": key.members, **change}
        assert await world.refused("documents/passkey", **body) == "binding_unknown"
    malformed: list[Any] = [{}, {"id": "AA", "key": key.members["key"]}, {**key.members, "key": {}}, None, "x"]
    for said in malformed:
        body = {"device": phone.id, "credential": credential, "passkey": said}
        assert await world.refused("documents/passkey", **body) in ("sam_bad_call", "passkey_invalid")
    assert await world.sql("SELECT * FROM sam.passkeys") == []
    assert [one["passkey"] for one in await thief.bindings()] == [False]
    again = await ask_passkey(world, credential, phone, passkey())  # asked for before, answered after
    await thief.decide(made["document"], right)
    assert await world.refused("documents/passkey", **(body | {"passkey": key.members})) == "passkey_stands"
    late = thief.body(world.open(again["statement"]))
    assert await world.refused("documents/decide", document=again["document"], device=phone.id, **late) == (
        "passkey_stands"
    )


async def test_it_is_removed_by_its_own_last_word(holder: Guarded) -> None:
    """With the password and the passkey, not with one of them; then the phone's key is enough, and may enrol anew."""
    id_, statement = await holder.ask_end()
    assert statement.document.object("passkey")["id"] == b64u(holder.key.handle)
    assert await holder.refused(id_, holder.body(statement, None)) == "passkey_needed"
    assert await holder.refused(id_, holder.body(statement, passkey().speak(statement.document.data))) == (
        "passkey_invalid"
    )
    world, about = holder.world, {"document": id_, "device": holder.phone.id}
    wrong = holder.body(statement, password="Errada999")
    assert await world.refused("documents/decide", **about, **wrong) == "password_wrong"
    body = holder.body(statement)
    assert await holder.decide(id_, body) == await holder.decide(id_, body)
    assert [one["passkey"] for one in await holder.bindings()] == [False]
    again, asked = await holder.asked()
    await holder.decide(again, holder.body(asked, None))
    body = {"device": holder.phone.id, "credential": holder.credential}
    assert await world.refused("documents/passkey_end", **body) == "no_passkey"
    await guard(world, holder.credential, holder.phone)
    events = [line["event"] for line in await world.lines()]
    assert (events.count("passkey.enrolled"), events.count("passkey.removed")) == (2, 1)


async def test_every_certificate_of_the_phone(world: World) -> None:
    """One passkey speaks for all that the phone's key is bound to, now and later; another phone has its own or none."""
    one, two, three = [await world.credential("P-256") for _ in range(3)]
    phone, spare = await world.phone(one), await world.phone(one)
    await world.phone(two, phone)
    holder = await guard(world, one, phone)
    paired = await world.pair(three, phone)  # the password alone, as ever
    made = await world.call("documents/test", binding=paired["binding"])
    await world.decide(phone, made, password=None)
    for credential in (two, three):
        request = await world.ask(credential, algorithm=ES256)
        assert await holder.refused(request.id, holder.body(request.statement, None)) == "passkey_needed"
        await holder.decide(request.id, holder.body(request.statement))
    request = await world.ask(one, algorithm=ES256)
    await world.approve(spare, request)
    id_, statement = await holder.ask_end()
    await holder.decide(id_, holder.body(statement))
    assert [bound["passkey"] for bound in await holder.bindings()] == [False, False, False]


async def test_pairing_anew_does_not_shake_it_off(holder: Guarded) -> None:
    """The same key pairs again with number and password: the passkey is there still."""
    world = holder.world
    await world.phone(holder.credential, holder.phone)
    id_, statement = await holder.asked()
    assert await holder.refused(id_, holder.body(statement, None)) == "passkey_needed"
    await holder.decide(id_, holder.body(statement))
    assert [one["passkey"] for one in await holder.bindings()] == [True]


async def test_it_lets_no_other_phone_in_either(
    hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """Whoever has the key alone cannot let a phone of his own in before its time: that yes wants the passkey; a no does
    not. Nor does ending the phone's pairing and beginning anew shake the passkey off: then it waits like others."""
    world = await open_world(hsm, database, tmp_path / "w.head", FixedClock(START), authority, wait=timedelta(hours=24))
    await world.sam.watch.look()
    credential = await world.credential("P-256")
    holder = await guard(world, credential, await world.phone(credential))
    for word, state in (("approve", "active"), ("refuse:not-me", None)):
        thief = await world.phone(credential)
        made = await world.call("documents/admit", device=holder.phone.id, phone=thief.id, credential=credential)
        statement = world.open(made["statement"])
        alone = holder.body(statement, None, word=word)
        if word == "approve":
            assert await holder.refused(made["document"], alone) == "passkey_needed"
        await holder.decide(made["document"], holder.body(statement, word=word) if word == "approve" else alone)
        states = [one["state"] for one in (await world.call("bindings/list", device=thief.id))["bindings"]]
        assert states == ([] if state is None else [state])
    await world.call("bindings/end", device=holder.phone.id)  # as any gateway may
    await world.phone(credential, holder.phone)
    assert [(one["state"], one["passkey"]) for one in await holder.bindings()] == [("waiting", False)]
    await world.close()


async def test_rows_that_somebody_wrote(holder: Guarded) -> None:
    """The passkey's row gone, exchanged, counted back or of another phone; the binding's without it, or as it was
    before: that phone approves nothing, rather than without its passkey."""
    world = holder.world
    id_, statement = await holder.asked()
    mine = holder.body(statement)
    thief = passkey()
    point = P256Key.from_public(thief.key.public_key()).point
    await world.sql("CREATE TABLE public.saved AS SELECT * FROM sam.passkeys")
    await world.sql("CREATE TABLE public.bound AS SELECT * FROM sam.bindings")
    his = holder.body(statement, thief.speak(statement.document.data))
    for change, args in (
        ("DELETE FROM sam.passkeys", ()),
        ("UPDATE sam.passkeys SET public_key = $1", (point,)),
        ("UPDATE sam.passkeys SET handle = decode(repeat('00', 32), 'hex')", ()),
        ("UPDATE sam.passkeys SET counter = counter + 1", ()),
        ("UPDATE sam.passkeys SET device = $1", (new_id("dev"),)),
        ("UPDATE sam.bindings SET passkey = NULL", ()),
        ("UPDATE sam.bindings SET passkey = NULL, turns = 0", ()),
        ("UPDATE sam.bindings SET passkey = NULL, turns = 2", ()),
    ):
        await world.sql(change, *args)
        for body in (his, mine, holder.body(statement, None)):
            code = await world.refused("documents/decide", document=id_, device=holder.phone.id, **body)
            assert code in ("passkey_invalid", "document_unknown"), change
        for table, saved in (("bindings", "bound"), ("passkeys", "saved")):
            await world.sql(f"DELETE FROM sam.{table}")
            await world.sql(f"INSERT INTO sam.{table} SELECT * FROM public.{saved}")
    await world.sql("DROP TABLE public.saved, public.bound")
    assert "row.forged" in await world.events()
    await holder.decide(id_, mine)


async def test_a_binding_of_before_the_passkey_is_put_back(world: World) -> None:
    """The row as it was, with its own old MAC: a SAM that saw the passkey come knows better, and so does one that
    starts a few minutes later."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.sql("CREATE TABLE public.bound AS SELECT * FROM sam.bindings")
    holder = await guard(world, credential, phone)
    await world.sql("DELETE FROM sam.bindings")
    await world.sql("INSERT INTO sam.bindings SELECT * FROM public.bound")
    await world.sql("DROP TABLE public.bound")
    id_, statement = await holder.asked()
    body = holder.body(statement, None)
    about: dict[str, Any] = {"document": id_, "device": phone.id, **body}
    assert await world.refused("documents/decide", **about) == "document_unknown"
    assert "row.turned_back" in await world.events()
    fresh = await build_sam(
        world.sam.hsm, world.sam.database,
        AuditChain(world.sam.database, "sam-0", FixedClock(world.clock.now()), world.head),
        world.authority.pins(), clock=world.clock,
    )  # fmt: skip
    await fresh.watch.look()
    world.sam = fresh
    assert await world.refused("documents/decide", **about) == "document_unknown"


async def test_an_evidence_says_that_it_spoke(holder: Guarded) -> None:
    """The line of the audit that goes with the decision names the passkey."""
    world = holder.world
    id_, statement = await holder.asked()
    await holder.decide(id_, holder.body(statement))
    [row] = await world.sql("SELECT id FROM sam.passkeys")
    lines = [line for line in await world.lines() if line["event"] == "document.approved"]
    assert [line.get("passkey") for line in lines if line["document"] == id_] == [row["id"]]
