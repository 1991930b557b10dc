"""How many dead letters of a topic wait for somebody to send them again, as a metric."""

from collections.abc import Awaitable, Callable

import structlog

from consumers.runtime.letters import open_letters
from service.errors import StreamUnavailableError
from service.kafka.connection import Broker
from service.ops import metrics
from service.redrive.ports import Redrives

MEASURE_SECONDS = 15.0

log = structlog.get_logger(__name__)


def depth_measure(broker: Broker, topic: str, redrives: Redrives) -> Callable[[], Awaitable[None]]:
    """A function that sets the metric for a dead letter topic (its real name). With Kafka away the number stays as it
    was. It raises StoreError's kinds."""

    async def measure() -> None:
        # A connection each time: it is needed for a moment, four times a minute.
        try:
            async with open_letters(broker) as reader:
                bounds = await reader.depth(topic)
        except StreamUnavailableError as error:
            log.warning("dead_letters_not_counted", topic=topic, error=str(error))
            return
        kept = sum(end - first for first, end in bounds.values())
        sent = await redrives.count(topic, {partition: first for partition, (first, _) in bounds.items()})
        metrics.DEAD_LETTERS_WAITING.labels(topic).set(kept - sent)

    return measure
