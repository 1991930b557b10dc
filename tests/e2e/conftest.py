"""What the tests of whole systems share."""

from collections.abc import AsyncIterator

import pytest

from tests.support.running_system import System, running_system


@pytest.fixture
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    """A system of the test's own that reads the tracker's events; where a module needs another, it has its own."""
    async with running_system(mongo_url, kafka_bootstrap) as system:
        yield system
