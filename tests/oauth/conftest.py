"""The signing API, assembled for one test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.postgres import TestDatabase
from tests.support.signing_world import World, signing_world


@pytest.fixture
async def world(database: TestDatabase) -> AsyncIterator[World]:
    """See tests/support/signing_world.py."""
    async with signing_world(database) as made:
        yield made
