"""Attacker 2 of docs/threats.md: may read, change, delete, repeat and turn back every row, as the superuser.

No constraint and no trigger binds him (``World.sql``). He also sees what passes on the wire of one request, so that he
can repeat it. What he must not get: a signature over anything that the holder did not approve.
"""

import copy
from typing import Any

import asyncpg
import pytest

from foundation.clock import FixedClock
from foundation.encoding import b64u, canonical_json, unb64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from protocol import activation as sealing
from protocol.decisions import proof_hash
from tests.sam.world import PASSWORD, Authority, Request, Signer, World, digest, open_world

EVIL = digest("something the holder never saw")
ECDSA: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


class Scene:
    """A holder, a phone, a computer."""

    def __init__(self, world: World, credential: str, phone: Signer) -> None:
        self.world, self.credential, self.phone = world, credential, phone

    async def approved(self) -> tuple[Request, str]:
        request = await self.world.ask(self.credential, **ECDSA)
        return request, str((await self.world.approve(self.phone, request))["activation"])

    async def attempt(self, request: Request, activation: str, **changes: Any) -> list[bytes] | str:
        """Signatures, or the code of the refusal."""
        try:
            return await self.world.sign(request, activation, **changes)
        except LinkIdError as error:
            return error.code


@pytest.fixture
async def scene(world: World) -> Scene:
    credential = await world.credential("P-256")
    return Scene(world, credential, await world.phone(credential))


def other(kind: str, value: Any) -> list[Any]:
    """Values that an attacker would try instead, as SQL expressions over the column ``%``."""
    if kind == "bytea":
        return [
            "set_byte(%, 0, get_byte(%, 0) # 1)",
            "set_byte(%, octet_length(%) - 1, get_byte(%, octet_length(%) - 1) # 1)",
        ]
    if kind == "bytea[]":
        return ["ARRAY[set_byte(%[1], 0, 0)] || %[2:]", "%[2:] || %[1:1]"]
    if kind.startswith("timestamp"):
        return ["% + interval '10 years'", "% - interval '10 years'"]
    if kind in ("integer", "smallint", "bigint"):
        return ["% + 1", "0"]
    if kind == "boolean":
        return ["NOT %"]
    states = ("prepared", "bound", "active", "revoked", "trial", "ended", "waiting", "approved", "refused", "expired",
              "withdrawn", "reserved", "signed")  # fmt: skip
    if value in states:
        return [f"'{state}'" for state in states if state != value]
    return ["% || 'x'", "reverse(%)"]


@pytest.mark.slow
async def test_every_column_of_every_table(scene: Scene) -> None:
    """Whatever single value he changes between approval and signature: no signature, or the one that was approved."""
    world = scene.world
    certificate = await world.certificate(scene.credential)
    columns = await world.sql(
        "SELECT c.table_name AS t, c.column_name AS c, format_type(a.atttypid, NULL) AS kind"
        " FROM information_schema.columns c"
        " JOIN pg_attribute a ON a.attrelid = format('sam.%I', c.table_name)::regclass AND a.attname = c.column_name"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE table_schema = 'sam' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER' ORDER BY 1, 2"
    )
    assert len(columns) > 60
    for table in {row["t"] for row in columns}:
        constraints = await world.sql(
            "SELECT conname FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype = 'c'", f"sam.{table}"
        )
        for row in constraints:
            await world.sql(f"ALTER TABLE sam.{table} DROP CONSTRAINT {row['conname']}")
    outcomes: dict[str, set[str]] = {}
    for row in columns:
        table, column = row["t"], row["c"]
        values = await world.sql(f"SELECT {column} AS v FROM sam.{table} WHERE {column} IS NOT NULL LIMIT 1")
        for expression in other(row["kind"], values[0]["v"] if values else ""):
            request, activation = await scene.approved()
            await world.sql(f"CREATE TABLE public.saved AS SELECT ctid AS place, {column} AS v FROM sam.{table}")
            try:
                await world.sql(f"UPDATE sam.{table} SET {column} = {expression.replace('%', column)}")
            except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):  # not even the superuser can
                await world.sql("DROP TABLE public.saved")
                continue
            for digests in ([EVIL], request.digests):
                got = await scene.attempt(request, activation, hashes=[b64u(one) for one in digests])
                if not isinstance(got, str):
                    assert digests == request.digests, f"{table}.{column}: a signature over something else"
                    world.verify(certificate, request, got)
                outcomes.setdefault(f"{table}.{column}", set()).add("signed" if not isinstance(got, str) else got)
            await _put_back(world, table, column)
    # The values that anybody acts on do not survive a change:
    for name in (
        "credentials.bound", "credentials.spki", "credentials.chain", "credentials.state", "credentials.mac",
        "credentials.kek", "documents.data", "documents.context", "documents.mac", "activations.sealed",
        "activations.until", "activations.mac", "activations.document",
    ):  # fmt: skip
        assert "signed" not in outcomes[name], name


async def _put_back(world: World, table: str, column: str) -> None:
    """As it was, row by row in the order of storage; rows that were added meanwhile keep what they got."""
    saved = await world.sql("SELECT v FROM public.saved ORDER BY place")
    places = await world.sql(f"SELECT ctid FROM sam.{table} ORDER BY ctid")
    for place, row in zip(places, saved, strict=False):
        await world.sql(f"UPDATE sam.{table} SET {column} = $1 WHERE ctid = $2", row["v"], place["ctid"])
    await world.sql("DROP TABLE public.saved")


async def test_a_document_rewritten_before_the_holder_decides(scene: Scene) -> None:
    """Other hashes under the same request: the SAM states nothing any more, and takes no decision about it."""
    request = await scene.world.ask(scene.credential, **ECDSA)
    members = copy.deepcopy(dict(request.statement.document.members))
    members["documents"][0]["hash"] = b64u(EVIL)  # type: ignore[index]
    await scene.world.sql("UPDATE sam.documents SET data = $1 WHERE id = $2", canonical_json(members), request.id)
    world, phone = scene.world, scene.phone
    assert (await world.call("documents/waiting", device=phone.id))["items"] == []
    assert await world.refused("documents/statement", document=request.id, device=phone.id) == "document_unknown"
    body = phone.decision(request.statement)
    assert await world.refused("documents/decide", document=request.id, device=phone.id, **body) == "document_unknown"
    assert "row.forged" in await world.events()


async def test_everything_rewritten_consistently_after_the_approval(scene: Scene) -> None:
    """Document, evidence and activation all say the other hash: MACs and the seal say no."""
    request, activation = await scene.approved()
    members = copy.deepcopy(dict(request.statement.document.members))
    members["documents"][0]["hash"] = b64u(EVIL)  # type: ignore[index]
    data = canonical_json(members)
    await scene.world.sql("UPDATE sam.documents SET data = $1 WHERE id = $2", data, request.id)
    await scene.world.sql("UPDATE sam.decisions SET document_hash = sha256($1) WHERE document = $2", data, request.id)
    assert await scene.attempt(request, activation, hashes=[b64u(EVIL)]) == "document_unknown"


async def test_a_lying_integrator_with_the_database(scene: Scene) -> None:
    """Who holds the secret of an approval opens its seal, and so has the wrapped key; re-sealing it for other hashes
    gives an activation without a MAC, which does not exist."""
    request, activation = await scene.approved()
    world = scene.world
    row = (await world.sql("SELECT * FROM sam.activations WHERE id = $1", activation))[0]
    document = request.statement.document
    aad = sealing.additional_data(activation, request.id, scene.credential, request.digests, "ECDSA-SHA256")
    wrapped = sealing.open_sealed(request.secret, bytes(row["sealed"]), aad)
    evil_aad = sealing.additional_data(activation, request.id, scene.credential, [EVIL], "ECDSA-SHA256")
    resealed = sealing.seal(wrapped, sealing.activation_key(request.secret), evil_aad, ephemeral=b"\x05" * 32)
    await world.sql("UPDATE sam.activations SET sealed = $1 WHERE id = $2", resealed, activation)
    assert await scene.attempt(request, activation, hashes=[b64u(EVIL)]) == "activation_unknown"
    assert document.digests() == request.digests


async def test_a_device_of_his_own(scene: Scene) -> None:
    """His key in the holder's binding, or a binding of his own with a borrowed MAC: his phone decides nothing."""
    world, thief = scene.world, Signer()
    mine = await world.credential("P-256")
    await world.phone(mine, thief)  # a genuine binding, to his own credential
    request = await world.ask(scene.credential, **ECDSA)
    borrowed = "(SELECT {0} FROM sam.bindings WHERE credential = $3)"
    his_own = f"device = $1, device_key = {borrowed.format('device_key')}, mac = {borrowed.format('mac')}"
    attacks = (
        ("UPDATE sam.bindings SET device_key = $1 WHERE credential = $2", thief.public.point, scene.credential),
        (f"UPDATE sam.bindings SET {his_own} WHERE credential = $2", thief.id, scene.credential, mine),
        ("UPDATE sam.bindings SET credential = $1, first = false WHERE credential = $2", scene.credential, mine),
    )
    await world.sql("DROP INDEX sam.one_binding_per_device")
    for statement, *args in attacks:
        await world.sql("CREATE TABLE public.saved AS SELECT * FROM sam.bindings")
        await world.sql(statement, *args)
        for device in (thief.id, scene.phone.id):
            body = thief.decision(request.statement)
            code = await world.refused("documents/decide", document=request.id, device=device, **body)
            assert code in ("document_unknown", "decision_invalid")
        await world.sql("DELETE FROM sam.bindings")
        await world.sql("INSERT INTO sam.bindings SELECT * FROM public.saved")
        await world.sql("DROP TABLE public.saved")
    assert (await world.approve(scene.phone, request))["state"] == "approved"


@pytest.mark.parametrize("lies", [[b"garbage"], [b""], [None], [], [b"garbage", b"garbage"], [[b"garbage"]]], ids=str)
async def test_signatures_of_his_own_wake_no_key(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, lies: list[Any]
) -> None:
    """A row that says what was signed, before anything was: nothing of it is handed out, not as evidence either, and no
    key is opened."""
    request, activation = await scene.approved()
    signer: Any = scene.world.sam.rooms.signatures._signer
    woken: list[object] = []

    async def sign(permit: object, certificate: bytes) -> list[bytes]:
        woken.append(permit)
        raise AssertionError

    monkeypatch.setattr(signer, "sign", sign)
    await scene.world.sql("INSERT INTO sam.signatures VALUES ($1, $2, now())", activation, lies)
    assert await scene.attempt(request, activation) == "signature_not_released"
    assert woken == []
    place = {"document": request.id, "device": scene.phone.id}
    if lies:
        assert await scene.world.refused("documents/evidence", **place) == "document_unknown"
    else:
        await scene.world.call("documents/evidence", **place)


async def test_the_victims_request_under_his_own_credential(scene: Scene) -> None:
    """The column by which a request is found says his credential: his phone and password decide nothing by that."""
    world, thief = scene.world, Signer()
    mine = await world.credential("P-256")
    await world.phone(mine, thief)
    request = await world.ask(scene.credential, **ECDSA)
    await world.sql("UPDATE sam.documents SET credential = $1 WHERE id = $2", mine, request.id)
    for decision in ("approve", "refuse"):
        body = thief.decision(request.statement, choice=decision)
        code = await world.refused("documents/decide", document=request.id, device=thief.id, **body)
        assert code == "document_unknown"
    assert "row.forged" in await world.events()
    await world.sql("UPDATE sam.documents SET credential = $1 WHERE id = $2", scene.credential, request.id)
    assert (await world.approve(scene.phone, request))["state"] == "approved"


async def test_a_key_of_his_own_behind_the_victims_credential(scene: Scene) -> None:
    """His blob, whose password he knows, in the victim's row; or the victim's in his: neither row exists any more."""
    world = scene.world
    mine = await world.credential("P-256")
    phone = await world.phone(mine)
    columns = ("bound", "spki", "salt", "chain", "mac", "request", "serial", "subject")
    for victim, source in ((scene.credential, mine), (mine, scene.credential)):
        for count in (1, 2, len(columns)):
            await world.sql("CREATE TABLE public.saved AS SELECT * FROM sam.credentials")
            await world.sql("DROP INDEX IF EXISTS sam.one_credential_per_key, sam.one_credential_per_certificate")
            chosen = ", ".join(columns[:count])
            await world.sql(
                f"UPDATE sam.credentials SET ({chosen}) = (SELECT {chosen} FROM public.saved WHERE id = $2)"
                " WHERE id = $1", victim, source,
            )  # fmt: skip
            with pytest.raises(LinkIdError) as caught:
                await world.ask(victim, **ECDSA)
            assert caught.value.code == "credential_unknown"
            generated = ("certificate_hash", "spki_hash")
            names = [row["column_name"] for row in await world.sql(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'sam'"
                " AND table_name = 'credentials'") if row["column_name"] not in generated]  # fmt: skip
            listed = ", ".join(names)
            await world.sql(
                f"UPDATE sam.credentials c SET ({listed}) = (SELECT {listed} FROM public.saved s WHERE s.id = c.id)"
            )
            await world.sql("DROP TABLE public.saved")
    assert (await world.approve(phone, await world.ask(mine, **ECDSA)))["state"] == "approved"


async def test_repeating_a_consumed_decision(scene: Scene) -> None:
    """The document set back to waiting, and decision and proof, seen on the wire, sent again: decided once."""
    world, phone = scene.world, scene.phone
    request = await world.ask(scene.credential, **ECDSA)
    body = phone.decision(request.statement, PASSWORD)
    await world.call("documents/decide", document=request.id, device=phone.id, **body)
    for statement in (
        "DELETE FROM sam.signatures", "DELETE FROM sam.activations", "DELETE FROM sam.decisions",
        "UPDATE sam.documents SET state = 'waiting'",
    ):  # fmt: skip
        await world.sql(statement)
    code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
    assert code in ("document_decided", "document_unknown")
    assert await world.sql("SELECT * FROM sam.activations") == []
    assert "row.turned_back" in await world.events()


async def test_signing_the_same_thing_twice(scene: Scene) -> None:
    """The stored signature deleted, to have a second one made: refused, and told to the audit."""
    request, activation = await scene.approved()
    assert not isinstance(await scene.attempt(request, activation), str)
    await scene.world.sql("DELETE FROM sam.signatures")
    assert await scene.attempt(request, activation) == "signature_not_released"
    assert "signatures.turned_back" in await scene.world.events()


async def test_another_signature_in_the_row(scene: Scene) -> None:
    """Bytes put in place of the stored signature are not handed out."""
    request, activation = await scene.approved()
    assert not isinstance(await scene.attempt(request, activation), str)
    for lie in (b"garbage", b""):
        await scene.world.sql("UPDATE sam.signatures SET signatures = ARRAY[$1::bytea]", lie)
        assert await scene.attempt(request, activation) == "signature_not_released"


async def test_turned_back_while_the_sam_was_restarted(scene: Scene, hsm: Hsm, authority: Authority) -> None:
    """A fresh process has no memory of its own: it learns the last minutes from the audit, and refuses the same."""
    world, phone = scene.world, scene.phone
    request, activation = await scene.approved()
    assert not isinstance(await scene.attempt(request, activation), str)
    await world.sql("DELETE FROM sam.signatures")
    second = await world.ask(scene.credential, **ECDSA)
    body = phone.decision(second.statement)
    await world.call("documents/decide", document=second.id, device=phone.id, **body)
    for statement in (
        "DELETE FROM sam.signatures g USING sam.activations a WHERE g.activation = a.id AND a.document = $1",
        "DELETE FROM sam.activations WHERE document = $1", "DELETE FROM sam.decisions WHERE document = $1",
        "UPDATE sam.documents SET state = 'waiting' WHERE id = $1",
    ):  # fmt: skip
        await world.sql(statement, second.id)
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        await fresh.sam.watch.look()
        restarted = Scene(fresh, scene.credential, phone)
        assert await restarted.attempt(request, activation) == "signature_not_released"
        assert (
            await fresh.refused("documents/decide", document=second.id, device=phone.id, **body) == "document_unknown"
        )
    finally:
        await fresh.close()


async def test_taking_lines_out_of_the_audit(scene: Scene, hsm: Hsm, authority: Authority) -> None:
    """The lines that would remember are deleted too: the chain no longer links up, and the SAM does not work."""
    await scene.approved()
    world = scene.world
    for statement in (
        "DELETE FROM audit.lines WHERE seq = (SELECT max(seq) - 1 FROM audit.lines)",
        "DELETE FROM audit.lines WHERE seq = (SELECT max(seq) FROM audit.lines)",
        "DELETE FROM audit.lines",
    ):
        await world.sql(statement)
        fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
        try:
            with pytest.raises(LinkIdError) as caught:
                await fresh.sam.watch.look()
            assert caught.value.code == "database_rolled_back"
            assert (await fresh.call("status"))["ready"] is False
            assert await fresh.refused("documents/waiting", device=scene.phone.id) == "sam_refuses_work"
        finally:
            await fresh.close()


async def test_ended_things_do_not_come_back(scene: Scene) -> None:
    """Rows of yesterday, with their genuine MACs: a revoked credential, an unpaired phone, a removed computer."""
    world, phone = scene.world, scene.phone
    computer = await world.computer(scene.credential, phone)
    for table in ("credentials", "bindings", "associations"):
        await world.sql(f"CREATE TABLE public.old_{table} AS SELECT * FROM sam.{table}")

    async def turn_back(table: str, columns: str) -> None:
        await world.sql(
            f"UPDATE sam.{table} t SET ({columns}) = (SELECT {columns} FROM public.old_{table} o WHERE o.id = t.id)"
        )

    await world.call("associations/end", computer=computer["id"])
    await turn_back("associations", "state, mac")
    with pytest.raises(LinkIdError) as caught:
        await world.ask(scene.credential, caller=computer, **ECDSA)
    assert caught.value.code == "caller_not_associated"
    request = await world.ask(scene.credential, **ECDSA)
    await world.call("bindings/end", device=phone.id)
    await turn_back("bindings", "state, mac")
    body = phone.decision(request.statement)
    assert await world.refused("documents/decide", document=request.id, device=phone.id, **body) == "document_unknown"
    certificate = request.statement.document.text("certificate")
    await world.call("credentials/revoke", revocation=world.authority.revocation(certificate))
    await turn_back("credentials", "state, mac")
    with pytest.raises(LinkIdError) as caught:
        await world.ask(scene.credential, caller={**world.integrator, "id": new_id("cli")}, **ECDSA)
    assert caught.value.code == "credential_unknown"
    assert (await world.events()).count("row.turned_back") >= 3


async def test_an_approved_that_nobody_gave(scene: Scene) -> None:
    """An authorize page goes on when `identify` is approved: a rewritten state and a forged evidence are not enough."""
    world, phone, thief = scene.world, scene.phone, Signer()
    made = await world.call("documents/identify", device=phone.id, scope="s", address="a",
                            integrator={"id": (await world.register())["id"]})  # fmt: skip
    await world.sql("UPDATE sam.documents SET state = 'approved' WHERE id = $1", made["document"])
    assert await world.refused("documents/state", document=made["document"]) == "document_unknown"
    document = world.open(made["statement"]).document
    body = thief.decision(world.open(made["statement"]), password=None)
    await world.sql(
        "INSERT INTO sam.decisions VALUES ($1, 'approve', $2, $3, $4, $5, $6, now())", document.id, thief.public.point,
        phone.id, document.digest, proof_hash(None), unb64u(body["signature"], max_len=64),
    )  # fmt: skip
    assert await world.refused("documents/state", document=made["document"]) == "document_unknown"


async def test_an_approval_under_anothers_name(scene: Scene) -> None:
    """Maria approved for one integrator; its rows, genuine to the last byte, put under the id of his page's
    document: that is neither approved by it nor decided.
    """
    world, phone = scene.world, scene.phone

    async def identify() -> dict[str, Any]:
        integrator = {"id": (await world.register())["id"]}
        return await world.call("documents/identify", device=phone.id, scope="s", address="a", integrator=integrator)

    hers, his = await identify(), await identify()
    body = phone.decision(world.open(hers["statement"]), password=None)
    for approved in (False, True):
        if approved:
            await world.call("documents/decide", document=hers["document"], device=phone.id, **body)
            assert (await world.call("documents/state", document=hers["document"]))["state"] == "approved"
        await world.sql("DELETE FROM sam.documents WHERE id = $1", his["document"])
        await world.sql("UPDATE sam.documents SET id = $1 WHERE id = $2", his["document"], hers["document"])
        await world.sql("UPDATE sam.decisions SET document = $1 WHERE document = $2", his["document"], hers["document"])
        for call, more in (
            ("state", {}),
            ("statement", {"device": phone.id}),
            ("decide", {"device": phone.id, **body}),
        ):
            code = await world.refused(f"documents/{call}", document=his["document"], **more)
            assert (call, code) == (call, "document_unknown")
        await world.sql("UPDATE sam.documents SET id = $1 WHERE id = $2", hers["document"], his["document"])
        await world.sql("UPDATE sam.decisions SET document = $1 WHERE document = $2", hers["document"], his["document"])
    assert "row.forged" in await world.events()


async def test_a_computer_of_his_own(scene: Scene) -> None:
    """A copied association row, for another computer or credential, associates nothing."""
    world = scene.world
    mine = await world.credential("P-256")
    computer = await world.computer(mine, await world.phone(mine))
    await world.sql("DROP INDEX sam.one_association")
    await world.sql(
        "INSERT INTO sam.associations"
        " SELECT id || 'x', computer, $1, name, os, key, device, document, state, created_at, mac"
        " FROM sam.associations WHERE credential = $2", scene.credential, mine,
    )  # fmt: skip
    with pytest.raises(LinkIdError) as caught:
        await world.ask(scene.credential, caller=computer, **ECDSA)
    assert caught.value.code == "caller_not_associated"
