"""Putting many poison records aside at once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.outcomes import InvalidRecord, Record
from schemas.topics import TRACKER_EVENTS, dead_letters_of
from service.clock import system_clock
from tests.support.relay import read_committed

LETTERS = 200


async def test_many_letters_do_not_wait_for_the_network_one_after_the_other(
    kafka_bootstrap: str, topic_prefix: str, init_topics: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch has a thousand records, and a process whose attempt lasts a minute is taken for a stuck one."""
    send, journeys = AIOKafkaClient.send, []

    async def counted(client: Any, node: Any, request: Any, **more: Any) -> Any:
        journeys.append(request)
        return await send(client, node, request, **more)

    monkeypatch.setattr(AIOKafkaClient, "send", counted)
    topic = f"{topic_prefix}{TRACKER_EVENTS}"
    records = [Record(topic, 0, offset, b"key", b"%d" % offset, datetime.now(UTC)) for offset in range(LETTERS)]
    letters = DeadLetters(kafka_bootstrap, "pathbound.tracker", system_clock)

    try:
        await letters.publish([InvalidRecord(record, "poison", "Poison") for record in records])
    finally:
        await letters.close()

    produced = [request for request in journeys if "Produce" in type(request).__name__]
    assert 0 < len(produced) < LETTERS / 4
    there = await read_committed(kafka_bootstrap, dead_letters_of(topic))
    assert [record.value for record in there] == [record.value for record in records]
