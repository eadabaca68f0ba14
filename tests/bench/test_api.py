"""The rows of single calls: who the people are, the handler of the same sizes, tails, what can be asked for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench import __main__ as command
from bench.echo import application
from bench.flows_api import SizedEcho
from bench.generator import EVERY_FLOW
from bench.measures import EVERY_NAME, PARTS, ROWS, WAITING_FLOWS, Pace
from bench.people import Crowd, cpf_of
from bench.waiting import _demand_all, tail
from foundation.web import serve
from issuance.domain.documents_br import cpf
from tests.bench.test_client_side import GATEWAY, LANE


def test_everybody_has_a_cpf_of_their_own() -> None:
    """A hint of one holder leads to one credential."""
    found = {cpf(cpf_of(at)) for at in range(500)}
    assert len(found) == 500


def test_a_crowd_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    """With those who ask for every credential; and one of an older run, without."""
    crowd = Crowd(GATEWAY, ["unix:/x"], [LANE], [LANE, LANE])
    crowd.save(tmp_path / "crowd.json")
    assert Crowd.load(tmp_path / "crowd.json") == crowd


@pytest.mark.parametrize("sizes", [(700, 180), (120, 4096), (10, 10)])
async def test_the_bare_handler_is_of_the_wanted_sizes(sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """In and out, to the byte, where a hash has room in them."""
    server = await serve(application(), "127.0.0.1", 0)
    async with server:
        monkeypatch.setattr(SizedEcho, "ports", (urlsplit(server.url).port or 0,))
        monkeypatch.setattr(SizedEcho, "sizes", sizes)
        flow = SizedEcho(Crowd(GATEWAY, [], []), LANE, 0)
        await flow.prepare()
        assert await flow.once() == 1
        assert flow.lines[0].sizes == (max(sizes[0], 65), max(sizes[1], 68))
        flow.lines[0].close()


def test_a_tail_is_the_slowest_hundredth() -> None:
    """Of few, the slowest."""
    assert tail([float(at) for at in range(1, 1001)]) == 991.0
    assert tail([3.0, 1.0, 2.0]) == 3.0


@pytest.mark.parametrize(("before", "after"), [(999, 1000), (1000, 999)])
def test_fewer_that_wait_are_no_measurement(before: int, after: int) -> None:
    """Neither at the beginning nor at the end."""
    _demand_all(1000, 1000, Pace())
    with pytest.raises(ValueError, match="1000 were to wait"):
        _demand_all(after, before, Pace())


def test_the_help_names_all_that_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With how long it takes; every row belongs to one of them, and every flow is there."""
    menu = command._menu()
    assert all(f"  {name} " in menu for name in EVERY_NAME)
    assert all(part.minutes > 0 for part in PARTS)
    assert len(set(ROWS)) == len(ROWS)
    assert {flow for _, flow in WAITING_FLOWS.values()} <= set(EVERY_FLOW)
