"""`make sandbox` in a project's folder of its own, as a newcomer has it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.sandbox.newcomer import Sandbox, project, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """Started by the tutorial's first command."""
    async with running(project(tmp_path_factory.mktemp("newcomer") / "linkid"), "make", "sandbox") as one:
        yield one
