"""One running Link ID for all journeys of a test process: starting it takes ten seconds. Each module has its holder."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.people import cpf_of
from demo.stack import Stack
from demo.world import Holder, World, settled

_people = itertools.count()


@pytest.fixture(scope="package")
def fault_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a journey says at which step a SAM is to die or to stand still (hsm_service/sam/fault_points.py)."""
    return tmp_path_factory.mktemp("faults")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, fault_folder: Path) -> AsyncIterator[Stack]:
    """`linkid serve` in a folder of its own; who breaks something in it leaves it whole."""
    extra = {"LINKID__SAM_FAULT_POINTS": str(fault_folder), "LINKID__LONGEST_PAUSE": "0.1",
             "LINKID__EXPLICIT__ENABLED": "true"}  # fmt: skip
    async with Stack(tmp_path_factory.mktemp("linkid"), extra) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Stack) -> AsyncIterator[World]:
    """A holder with certificate, phone and computer: another person for each module, whatever happened to the last."""
    at = next(_people)
    async with settled(stack, Holder(cpf=cpf_of(at), number=f"+55319999{70000 + at}")) as everything:
        yield everything
