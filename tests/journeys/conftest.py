"""One running Link ID and one settled holder for a module of journeys: starting them takes ten seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.stack import Stack
from demo.world import World, settled


@pytest.fixture(scope="module")
def fault_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a journey says at which step a SAM is to die or to stand still (hsm_service/sam/fault_points.py)."""
    return tmp_path_factory.mktemp("faults")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory, fault_folder: Path) -> AsyncIterator[Stack]:
    """`linkid serve` in a folder of its own."""
    extra = {"LINKID__SAM_FAULT_POINTS": str(fault_folder), "LINKID__LONGEST_PAUSE": "0.1",
             "LINKID__EXPLICIT__ENABLED": "true"}  # fmt: skip
    async with Stack(tmp_path_factory.mktemp("linkid"), extra) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Stack) -> AsyncIterator[World]:
    """A holder with certificate, phone and computer."""
    async with settled(stack) as everything:
        yield everything
