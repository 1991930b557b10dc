"""Publishing again what was published: implements `service.feed.ports.ReplayPublisher`."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from aiokafka import AIOKafkaProducer

from service.errors import FeedRequestError
from service.kafka.cloudevents import encode_of
from service.kafka.connection import start_client
from service.kafka.producers import discard, make_producer
from service.kafka.refusals import in_feed_words
from service.kafka.sending import encoded, send_all
from service.kafka.topics import own_topics, partitions_of
from service.outbox.model import OutboxRecord
from service.settings import ReplaySettings

_TOPIC_NAME = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
_KAFKAS_OWN = ("__consumer_offsets", "__transaction_state")
_STEP_SECONDS = 30.0
_TRANSACTION_MS = 900_000
"""The most that brokers allow by default. What fails is aborted at once and does not wait for it."""


class KafkaReplayPublisher:
    """Two replays for one tenant at one time exclude each other: the later one fences the earlier one."""

    def __init__(self, settings: ReplaySettings, tenant_id: str) -> None:
        self._broker = settings
        self._transactional_id = f"{settings.topic_prefix}pathbound.replay.{tenant_id}"
        self._encode = encode_of(settings.relay_content_mode)

    async def check(self, topic: str, like: str) -> None:
        """See ReplayPublisher.check."""
        if topic == like:
            return
        if not _TOPIC_NAME.fullmatch(topic):
            raise FeedRequestError(f"{topic!r} cannot be a topic's name: use letters, digits, '.', '_' and '-'.")
        if topic in _KAFKAS_OWN or topic in own_topics(self._broker):
            raise FeedRequestError(f"{topic} is for something else: name a topic that you made, or none for the feed.")
        needed, found = await partitions_of(self._broker, like), await partitions_of(self._broker, topic)
        if needed is None:
            raise FeedRequestError(f"There is no topic {like}: make it with `pathbound init`.")
        if found is None:
            raise FeedRequestError(f"There is no topic {topic}: make it with {needed} partitions first.")
        if found < needed:
            raise FeedRequestError(
                f"{topic} has {found} partition{'s' if found > 1 else ''} and {like} has {needed}: give it as many, "
                "so that its subscribers can share the work as the feed's do."
            )

    async def publish(self, topic: str, batches: AsyncIterator[Sequence[OutboxRecord]]) -> int:
        """See ReplayPublisher.publish."""
        count, clean = 0, False
        producer = make_producer(self._broker, self._transactional_id, _TRANSACTION_MS)
        try:
            with in_feed_words("publish to", topic):
                async with asyncio.timeout(_STEP_SECONDS):
                    await start_client(producer, self._broker)
                    await producer.begin_transaction()
            async for records in batches:
                with in_feed_words("publish to", topic):
                    async with asyncio.timeout(_STEP_SECONDS):
                        moved = [replace(one, topic=topic) for one in records]
                        await send_all(producer, encoded(moved, "", self._encode))
                count += len(records)
            with in_feed_words("publish to", topic):
                async with asyncio.timeout(_STEP_SECONDS):
                    await producer.commit_transaction()
            clean = True
        finally:
            await self._end(producer, clean=clean)
        return count

    async def _end(self, producer: AIOKafkaProducer, *, clean: bool) -> None:
        """After a failure, let a successor of our own abort what is open: subscribers wait for that, not for 15 min."""
        await discard(producer, clean=clean)
        if clean:
            return
        successor = make_producer(self._broker, self._transactional_id)
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                await start_client(successor, self._broker)
            await discard(successor, clean=True)
        except Exception:  # noqa: BLE001 - the failure itself is on its way to the caller
            await discard(successor, clean=False)
