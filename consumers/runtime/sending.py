"""Sending records of any size to Kafka: one that it refuses as too large keeps no other back."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from service.kafka.connection import Broker, start_client
from service.kafka.producers import discard, make_producer
from service.kafka.sending import Outgoing


class Sender:
    """Connects at the first record: most processes never send one. Not for several tasks at once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._producer: Any = None

    async def send(
        self, records: Sequence[Outgoing], shorter: Callable[[int], Outgoing] | None = None
    ) -> list[Any | BaseException]:
        """Kafka's acknowledgement of each, or its error instead. `shorter` tells what to send in place of the one that
        is too large, by its index.

        Kafka refuses a batch for the sake of one record, and all that comes behind it in its partition for a gap in the
        producer's sequence. So each of them is sent by itself, by a producer that begins anew after a refusal.
        """
        answers = await self._together(records)
        if not any(isinstance(answer, MessageSizeTooLargeError) for answer in answers):
            return answers
        for index, refused in enumerate(answers):
            if isinstance(refused, BaseException):
                (answer,) = await self._together([records[index]])
                if shorter is not None and isinstance(answer, MessageSizeTooLargeError):
                    (answer,) = await self._together([shorter(index)])
                answers[index] = answer
                if isinstance(answer, BaseException) and not isinstance(answer, MessageSizeTooLargeError):
                    break
        return answers

    async def close(self) -> None:
        """Disconnect."""
        await self._discard(clean=True)

    async def _together(self, records: Sequence[Outgoing]) -> list[Any | BaseException]:
        """Handed over in order, and then awaited: one after the other, thousands would each wait for the network."""
        sending: list[asyncio.Future[Any]] = []
        try:
            for record in records:
                sending.append(await self._hand_over(record))  # noqa: PERF401 - kept where a later one fails
            answers = await asyncio.gather(*sending, return_exceptions=True)
        except (KafkaError, OSError, TimeoutError) as error:
            # It is of handing over; what was before may never be answered.
            answers = [(one.exception() or one.result()) if one.done() else error for one in sending]
            answers += [error] * (len(records) - len(answers))
        except BaseException:
            await self._discard(clean=False)
            raise
        if any(isinstance(answer, BaseException) for answer in answers):
            # After an error an idempotent producer's sequence numbers are in doubt: the next try gets a new one.
            await self._discard(clean=False)
        return answers

    async def _hand_over(self, record: Outgoing) -> "asyncio.Future[Any]":
        """Its acknowledgement to come, once it has its place in the order. It goes to any partition if its own is no
        more."""
        if self._producer is None:
            self._producer = make_producer(self._broker)
            await start_client(self._producer, self._broker)
        there = record.partition is None or record.partition in await self._producer.partitions_for(record.topic)
        try:
            queued: asyncio.Future[Any] = await self._producer.send(
                record.topic,
                value=record.value,
                # aiokafka refuses to send a record that has neither, though Kafka and other clients allow it.
                key=b"" if record.key is None and record.value is None else record.key,
                partition=record.partition if there else None,
                headers=record.headers,
            )
        except MessageSizeTooLargeError as error:
            queued = asyncio.get_running_loop().create_future()
            queued.set_exception(error)
        return queued

    async def _discard(self, *, clean: bool) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer, clean=clean)
