"""Attacker 2 of docs/threats.md turns back rows, or the whole database, while no SAM looks.

A fresh SAM has no memory of its own. It knows the head of its audit chain from a file outside the database, and from
there, line by line and hash by hash, what happened in the last minutes.
"""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from foundation.audit import DatabaseRolledBack
from foundation.audit.lines import Head, next_line
from foundation.clock import FixedClock
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.recall import WINDOW
from hsm_service.sam.restore import accept_restore
from protocol.activation import activation_key
from protocol.errors import PasswordWrong
from tests.attacks.test_database_writer import ECDSA, EVIL, Scene, scene
from tests.sam.world import Authority, World, open_world
from tests.support.postgres import TestDatabase

__all__ = ["scene"]

UNDECIDED = (
    "DELETE FROM sam.signatures g USING sam.activations a WHERE g.activation = a.id AND a.document = $1",
    "DELETE FROM sam.activations WHERE document = $1",
    "DELETE FROM sam.decisions WHERE document = $1",
    "UPDATE sam.documents SET state = 'waiting' WHERE id = $1",
)
"""As if the holder had never answered."""


async def undecide(world: World, document: str) -> None:
    for statement in UNDECIDED:
        await world.sql(statement, document)


async def append_an_old_line(world: World) -> None:
    """A line that follows the last one and says that it is from last year: nothing in it needs a secret."""
    row = (await world.sql("SELECT seq, hash FROM audit.heads WHERE chain = 'sam-0'"))[0]
    at = world.clock.now() - timedelta(days=365)
    line = next_line("sam-0", Head(row["seq"], row["hash"]), at, "document.withdrawn", {"document": "x"})
    await world.sql("INSERT INTO audit.lines VALUES ('sam-0', $1, $2, $3, $4)", line.seq, line.at, line.body, line.hash)
    await world.sql("UPDATE audit.heads SET seq = $1, hash = $2 WHERE chain = 'sam-0'", line.seq, line.hash)


async def age_the_lines(world: World) -> None:
    """The column that says when, which no hash covers."""
    await world.sql("UPDATE audit.lines SET at = at - interval '1 year'")


async def forget_the_chain(world: World) -> None:
    """The table of heads says that there is no such chain."""
    await world.sql("DELETE FROM audit.heads")


@pytest.mark.parametrize("hide", [age_the_lines, append_an_old_line, forget_the_chain])
async def test_hiding_the_last_minutes_from_a_fresh_sam(
    scene: Scene, hsm: Hsm, authority: Authority, hide: Any
) -> None:
    """However the audit's newest lines are made to look old: a decision counts once, a signature is made once."""
    world, phone = scene.world, scene.phone
    signed, activation = await scene.approved()
    assert not isinstance(await scene.attempt(signed, activation), str)
    decided = await world.ask(scene.credential, **ECDSA)
    body = phone.decision(decided.statement)
    await world.call("documents/decide", document=decided.id, device=phone.id, **body)
    await world.sql("DELETE FROM sam.signatures")
    await undecide(world, decided.id)
    await hide(world)
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        with suppress(DatabaseRolledBack):
            await fresh.sam.watch.look()
        code = await Scene(fresh, scene.credential, phone).attempt(signed, activation)
        assert code in ("signature_not_released", "sam_refuses_work")
        code = await fresh.refused("documents/decide", document=decided.id, device=phone.id, **body)
        assert code in ("document_unknown", "document_decided", "sam_refuses_work")
        assert await world.sql("SELECT * FROM sam.activations WHERE document = $1", decided.id) == []
    finally:
        await fresh.close()


# --- the whole database ----------------------------------------------------------------------------------------------


async def maintain(database: TestDatabase, *statements: str) -> None:
    """From another database of the server; sessions of this one are thrown out, and no new ones let in meanwhile."""
    connection = await asyncpg.connect(database.server.dsn("postgres"))
    try:
        for allowed in ("false", "true"):
            await connection.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS {allowed}")
            if allowed == "false":
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database.name
                )
                for statement in statements:
                    await connection.execute(statement)
    finally:
        await connection.close()


async def copy(database: TestDatabase) -> str:
    """A backup, byte for byte."""
    name = f"{database.name}_backup"
    await maintain(database, f"CREATE DATABASE {name} TEMPLATE {database.name}")
    return name


async def put_back(database: TestDatabase, backup: str) -> None:
    """The backup under the name of what is there now."""
    await maintain(
        database, f"ALTER DATABASE {database.name} RENAME TO {database.name}_newer",
        f"ALTER DATABASE {backup} RENAME TO {database.name}", f"DROP DATABASE {database.name}_newer WITH (FORCE)",
    )  # fmt: skip


async def test_the_whole_database_of_an_hour_ago(scene: Scene, hsm: Hsm, authority: Authority) -> None:
    """Put back under a running SAM, and under a fresh one: nothing more is signed, until an operator's word voids all
    that was pending in it; then new requests are."""
    world, phone = scene.world, scene.phone
    opened, activation = await scene.approved()
    waiting = await world.ask(scene.credential, **ECDSA)
    yes = phone.decision(waiting.statement)
    backup = await copy(world.database)
    world._attacker = None
    assert not isinstance(await scene.attempt(opened, activation), str)
    await world.call("documents/decide", document=waiting.id, device=phone.id, **yes)
    await put_back(world.database, backup)
    world._attacker = None
    # the SAM that ran all the while knows better than the rows
    assert await scene.attempt(opened, activation) in ("signature_not_released", "sam_refuses_work", "unavailable")
    code = await world.refused("documents/decide", document=waiting.id, device=phone.id, **yes)
    assert code in ("document_unknown", "sam_refuses_work")
    assert await world.refused("documents/sign", **again(world, scene)) == "sam_refuses_work"
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        with pytest.raises(DatabaseRolledBack):
            await fresh.sam.watch.look()
        restarted = Scene(fresh, scene.credential, phone)
        assert await restarted.attempt(opened, activation) == "sam_refuses_work"
        assert (
            await fresh.refused("documents/decide", document=waiting.id, device=phone.id, **yes) == "sam_refuses_work"
        )
        assert (await fresh.call("status"))["ready"] is False
        voided = await accept_restore(fresh.sam.database, fresh.sam.audit, fresh.clock, operator=phone.public.jkt)
        assert voided == {"documents": 1, "activations": 1, "consents": 0}
        await fresh.sam.watch.look()
        assert await restarted.attempt(opened, activation) == "activation_expired"
        code = await fresh.refused("documents/decide", document=waiting.id, device=phone.id, **yes)
        assert code == "document_decided"
        new, opens = await restarted.approved()
        assert not isinstance(await restarted.attempt(new, opens), str)
    finally:
        await fresh.close()


def again(world: World, scene: Scene) -> dict[str, Any]:
    """Another request."""
    return {
        "credential": scene.credential, "caller": {**world.integrator, "id": new_id("cli")},
        "hashes": [b64u(bytes(32))], "hash_algorithm": "SHA-256", "sign_algorithm": "ECDSA-SHA256",
        "documents": [{"label": "x", "size": 1}], "activation_key": b64u(activation_key(bytes(32))),
    }  # fmt: skip


# --- what is left ----------------------------------------------------------------------------------------------------


async def test_guesses_after_a_restart(scene: Scene, hsm: Hsm, authority: Authority) -> None:
    """Whoever turns the counter back and has the SAM restarted gets none: it learns the tries from the audit. Only when
    the last of them is a quarter of an hour ago, three more: no more, by a bound phone's key only, and each an audit
    line. This is what docs/threats.md says is left."""
    world, phone = scene.world, scene.phone
    await world.sql("CREATE TABLE public.saved AS SELECT * FROM sam.attempts")

    async def guess(where: World, number: int) -> str:
        request = await where.ask(scene.credential, caller={**world.integrator, "id": new_id("cli")}, **ECDSA)
        body = phone.decision(request.statement, f"Chute{number:04}")
        code = await where.refused("documents/decide", document=request.id, device=phone.id, **body)
        await where.call("documents/withdraw", document=request.id)
        return code

    async def turn_back() -> None:
        await world.sql("DELETE FROM sam.attempts")
        await world.sql("INSERT INTO sam.attempts SELECT * FROM public.saved")

    codes = []
    for number in range(4):
        await turn_back()
        with suppress(LinkIdError):
            codes.append(await guess(world, number))
    assert codes == ["password_wrong"] * 3
    for wait, tried in ((timedelta(0), 3), (WINDOW, 3), (WINDOW + timedelta(seconds=2), 6)):
        await turn_back()
        fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now() + wait), authority)
        try:
            await fresh.sam.watch.look()
            for number in range(10, 14):
                await turn_back()
                with suppress(LinkIdError):
                    codes.append(await guess(fresh, number))
        finally:
            await fresh.close()
        assert codes == ["password_wrong"] * tried
    assert (await world.events()).count("attempt.failed") == 6
    assert "attempts.turned_back" in await world.events()


async def test_a_right_password_stands_after_a_restart(scene: Scene, hsm: Hsm, authority: Authority) -> None:
    """What a SAM learns of tries when it starts holds nothing against a holder whose password was right since."""
    world, phone = scene.world, scene.phone
    for right in (False, False, True):
        request = await world.ask(scene.credential, caller={**world.integrator, "id": new_id("cli")}, **ECDSA)
        if right:
            await world.approve(phone, request)
        else:
            with suppress(LinkIdError):
                await world.approve(phone, request, "Errada999")
            await world.call("documents/withdraw", document=request.id)
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        await fresh.sam.watch.look()
        request = await fresh.ask(scene.credential, caller={**world.integrator, "id": new_id("cli")}, **ECDSA)
        with pytest.raises(PasswordWrong) as caught:
            await fresh.approve(phone, request, "Errada999")
        assert caught.value.data["tries_left"] == 2
        assert "attempts.turned_back" not in await world.events()
    finally:
        await fresh.close()


async def test_two_sams_remember_each_for_itself(scene: Scene, hsm: Hsm, authority: Authority, tmp_path: Path) -> None:
    """A decision that one SAM consumed, turned back and brought to another that never saw it, counts there once more:
    for exactly what the holder approved, to exactly the same caller, and for nothing else."""
    world, phone = scene.world, scene.phone
    clock = FixedClock(world.clock.now())
    other = await open_world(hsm, world.database, tmp_path / "sam-1.head", clock, authority, chain="sam-1")
    try:
        await other.sam.watch.look()
        request = await world.ask(scene.credential, **ECDSA)
        body = phone.decision(request.statement)
        first = await world.call("documents/decide", document=request.id, device=phone.id, **body)
        assert not isinstance(await scene.attempt(request, first["activation"]), str)
        await undecide(world, request.id)
        second = await other.call("documents/decide", document=request.id, device=phone.id, **body)
        there = Scene(other, scene.credential, phone)
        assert await there.attempt(request, second["activation"], hashes=[b64u(EVIL)]) == "hashes_not_approved"
        assert await there.attempt(request, second["activation"], secret=b64u(bytes(32))) == "seal_broken"
        signatures = await there.attempt(request, second["activation"])
        assert not isinstance(signatures, str)
        world.verify(await world.certificate(scene.credential), request, signatures)
        await undecide(world, request.id)
        for sam in (world, other):  # whoever saw it decided knows
            code = await sam.refused("documents/decide", document=request.id, device=phone.id, **body)
            assert code == "document_unknown"
    finally:
        await other.close()
