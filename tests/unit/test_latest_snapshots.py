"""What stands on contacts.snapshot, read back, also where somebody else has written to it."""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from service.feed.model import Bounds, FeedRecord
from service.feed.snapshots import Latest, latest_snapshots


class OneRecord:
    """A topic that holds one event."""

    def __init__(self, event: dict[str, Any] | None) -> None:
        self._event = event

    async def bounds(self) -> dict[int, Bounds]:
        return {0: Bounds(0, 1)}

    async def read(self, bounds: Mapping[int, Bounds]) -> AsyncGenerator[FeedRecord, None]:
        assert bounds == await self.bounds()
        yield FeedRecord(0, 0, datetime(2026, 11, 23, tzinfo=UTC), "ct_1", self._event, None, (("tenantid", "acme"),))

    def partition_of(self, contact_id: str, partitions: int) -> int:
        raise NotImplementedError


@pytest.mark.parametrize("data", [None, [1], "text", {}, {"contact": None}, {"contact": [1]}, {"contact": "ct_1"}])
async def test_what_is_no_snapshot_is_told_from_one_and_stops_nobody(data: Any) -> None:
    topic = OneRecord({"type": "contact.snapshot", "data": data})
    assert await latest_snapshots(topic, None) == {"ct_1": Latest("acme", b"")}
