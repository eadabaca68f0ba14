"""The outbox's and the desktop's rows: what they count is what happened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.desktop import _median_ms, _rate, _soft_token
from bench.outbox import Outbox
from bench.p11_program import ENDED, Program
from bench.page import write_page
from bench.report import Row, kept, save
from bench.usage import memory_bytes
from foundation.database import Database, open_pool
from foundation.group_commit import GroupCommit
from tests.support.postgres import TestDatabase


@pytest.fixture
def short() -> Iterator[Path]:
    """A socket's name has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as name:
        yield Path(name)


async def test_what_was_queued_was_reported(database: TestDatabase) -> None:
    """Every message that the clients queued is sent before the window ends, and none waits."""
    pool = Database(await open_pool(database.dsn("linkid_gateway"), max_size=8))
    try:
        outbox = Outbox(pool, GroupCommit(pool), os.getpid())
        count, seconds = await outbox.carried(0.05)
        rows = await pool.fetch("SELECT state, count(*) AS messages FROM push.outbox GROUP BY state")
        assert [(row["state"], row["messages"]) for row in rows] == [("sent", count)]
        assert count > 0
        assert seconds > 0.05
    finally:
        await pool.close()


def test_programs_ask_either_token_alike(tmp_path: Path, short: Path) -> None:
    """SoftHSM by itself and through p11-kit server: the same key is read and signs; a wrong token ends the program."""
    with _soft_token(tmp_path, short) as (bare, served):
        for token in (bare, served):
            program = token.program()
            assert _rate([program], 0.01) > 0
            assert _median_ms(program, 2) > 0
            program.close()
        stranger = Program(served.module, "no such token", served.environment)
        with pytest.raises(RuntimeError, match=ENDED):
            stranger.hear()
        stranger.close()


def test_a_row_that_is_measured_once_is_on_the_page(tmp_path: Path) -> None:
    """With its unit; a short run of others is not."""
    page = tmp_path / "page.md"
    rows = [
        Row("live_memory_kb", "memory", 21.25, "kB", 50, 25, [21.25], more_is_better=False, once=True),
        Row("outbox_vs_inserts", "outbox", 0.25, "ratio", 0.1, 0.3, [0.25]),
    ]
    save(rows, {"date": "2026-01-01 10:00 UTC", "load before": "0.1 0 0"}, tmp_path)
    write_page(kept(tmp_path), page)
    text = page.read_text()
    assert "| **21.2 kB** | 50 kB | 25 kB | 1 (21.2 to 21.2) |" in text
    assert "* `outbox_vs_inserts`." in text


def test_memory_is_that_of_the_process() -> None:
    """What is shared is counted in part."""
    whole, part = memory_bytes(os.getpid())
    assert whole >= part > 1_000_000
