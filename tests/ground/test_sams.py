"""What the gateway and `linkid status` know of the SAMs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from foundation.channel import private_app, serve_private
from foundation.errors import JsonObject, LinkIdError, Unavailable
from linkid.commands.status import told
from linkid.sams import Sams


@asynccontextmanager
async def saying(address: str, said: dict[str, Any]) -> AsyncIterator[None]:
    """A SAM that says this; what is said may be changed."""

    async def status(_body: JsonObject) -> JsonObject:
        return said

    async with await serve_private(private_app({"status": status}), address):
        yield


def well(**changes: Any) -> dict[str, Any]:
    return {"ready": True, "why": None, "process": 7, "hsm": {"suspect": 0, "renewals": 2}, **changes}


async def test_one_ready_sam_is_enough_and_each_is_told(tmp_path: Path) -> None:
    """The gateway is ready while one SAM is; when none is, health has the word of the first; metrics have each."""
    addresses = [f"unix:{tmp_path}/{number}" for number in range(2)]
    first, second, registry = well(), well(ready=False, why="hsm_unavailable"), CollectorRegistry()

    def metrics() -> str:
        return generate_latest(registry).decode()

    async with Sams(addresses, None, registry) as sams, saying(addresses[0], first):
        async with saying(addresses[1], second):
            await sams.demand_one_ready()
            text = metrics()
            assert f'linkid_sam_ready{{sam="{addresses[0]}"}} 1.0' in text
            assert f'linkid_sam_ready{{sam="{addresses[1]}"}} 0.0' in text
            assert f'linkid_sam_not_ready{{sam="{addresses[1]}",why="hsm_unavailable"}} 1.0' in text
            assert f'linkid_sam_hsm{{sam="{addresses[0]}",what="renewals"}} 2.0' in text
        first |= {"ready": False, "why": "hsm_token_changed", "process": 8}
        with pytest.raises(LinkIdError) as refused:
            await sams.demand_one_ready()
        assert refused.value.code == "hsm_token_changed"
        assert isinstance(refused.value, Unavailable)
        text = metrics()
        assert f'linkid_sam_not_ready{{sam="{addresses[1]}",why="not_delivered"}} 1.0' in text
        assert "hsm_unavailable" not in text  # what was wrong before is not said any more
        assert f'linkid_sam_replaced_total{{sam="{addresses[0]}"}} 1.0' in text


def test_a_line_for_people() -> None:
    """The word of what is wrong, and the numbers that are not 0."""
    assert told(well()) == f"{'ready':<22} renewals 2"
    assert told({"ready": False, "why": "hsm_login_refused", "hsm": {}}) == "hsm_login_refused"
    assert told({"ready": False}) == "not_ready"
