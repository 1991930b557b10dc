"""The producer that all requests of the doors share, where it does not come up."""

import asyncio

import pytest

from service.errors import StreamUnavailableError
from service.intake.model import InboundRecord
from service.kafka import intake
from tests.support.waiting import eventually

PATIENCE = 0.5
RECORDS = [InboundRecord("tracker.events", None, b"{}")]


async def test_nobody_is_cut_off_when_another_that_waits_for_the_same_producer_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a broker that has stopped: it takes the connection, and to close it takes a moment. A request that was
    cancelled instead of refused had its connection cut without an answer."""

    async def nobody_answers(*_given: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)

    monkeypatch.setattr(intake, "start_client", nobody_answers)
    publisher = intake.KafkaInboundPublisher("127.0.0.1:1", publish_seconds=PATIENCE)
    loop = asyncio.get_running_loop()
    first, began = asyncio.create_task(publisher.publish(RECORDS)), loop.time()

    async def half_gone() -> bool:
        return loop.time() > began + PATIENCE / 2

    await eventually(half_gone, 10, "the first one's time is half over")
    second = asyncio.create_task(publisher.publish(RECORDS))
    told = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(error) for error in told] == [StreamUnavailableError] * 2
    await publisher.close()
