"""Attacker 2 of docs/threats.md turns back rows, or the whole database, while no SAM looks.

A fresh SAM has no memory of its own. It knows the head of its audit chain from a file outside the database, and from
there, line by line and hash by hash, what happened in the last minutes.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from foundation.audit import DatabaseRolledBack
from foundation.audit.lines import Head, next_line
from foundation.clock import FixedClock
from hsm_service.hsm.facade import Hsm
from tests.attacks.test_database_writer import ECDSA, Scene, scene
from tests.sam.world import Authority, World, open_world

__all__ = ["scene"]

UNDECIDED = (
    "DELETE FROM sam.occurrences o USING sam.activations a WHERE o.activation = a.id AND a.document = $1",
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
    await world.sql("UPDATE sam.occurrences SET state = 'approved', signature = NULL, signed_at = NULL")
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
