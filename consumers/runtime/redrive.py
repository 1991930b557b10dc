"""Sending dead letters again, to where their records came from, once their fault is mended.

A letter is claimed in the store, sent, and noted as sent once Kafka has acknowledged it. So it is sent once, however
often and by however many this is repeated, except where a run dies between the acknowledgement and the note: then the
batch in hand (100 at most) may be sent once more by a later run. What a record says is stored once all the same, since
its events' ids are the same; the ledger counts the second one as a duplicate.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from consumers.runtime.dead_letters import Headers
from consumers.runtime.letters import Letter
from consumers.runtime.records import FIRST_RECEIVED_HEADER, REDRIVEN_FROM_HEADER
from schemas.positions import Position
from service.errors import StreamUnavailableError
from service.kafka.connection import Broker, start_client
from service.kafka.producers import discard, make_producer
from service.redrive.model import Claim
from service.redrive.ports import Redrives

BATCH_LETTERS = 100
BATCH_BYTES = 8 * 1024 * 1024
_TOO_LARGE = MessageSizeTooLargeError, RecordTooLargeError


@dataclass(slots=True)
class RedriveReport:
    """What became of the letters asked for; in a dry run, `sent` are those that would be."""

    sent: int = 0
    sent_before: int = 0
    held: int = 0
    """Another run has them in hand, or died with them in hand less than a minute ago."""
    omitted: int = 0
    """They hold no value: there was no room for it."""
    too_large: int = 0
    """Their topic refuses them now."""
    strangers: int = 0
    """They do not say where they came from."""
    erased: int = 0
    """They tell of somebody who was erased."""


ErasedAmong = Callable[[Sequence[Letter]], Awaitable[set[Position]]]


class Redriver:
    """One run. It connects at the first letter to be sent."""

    def __init__(self, broker: Broker, redrives: Redrives, run: str, erased_among: ErasedAmong | None = None) -> None:
        """`erased_among` tells which letters are of somebody who was erased, and so not to be sent."""
        self._erased_among = erased_among
        self._broker = broker
        self._redrives = redrives
        self._run = run
        self._producer: Any = None

    async def __call__(
        self, letters: AsyncIterator[Letter], limit: int | None, stop: asyncio.Event, *, dry: bool
    ) -> AsyncIterator[RedriveReport]:
        """Send up to `limit`, batch by batch, until `stop`; the report so far after each batch. Raises StoreError's
        kinds and StreamUnavailableError: repeat it then, at least a minute later for what was in hand."""
        report = RedriveReport()
        try:
            async for batch in _batches(letters):
                sendable = await self._unerased(self._sendable(batch, report), report)
                left = None if limit is None else limit - report.sent
                await (self._look(sendable, left, report) if dry else self._send(sendable, left, report))
                yield report
                if stop.is_set() or report.sent == limit:
                    return
        finally:
            await self._close(clean=True)

    def _sendable(self, batch: Sequence[Letter], report: RedriveReport) -> list[Letter]:
        """Those that hold what is to be sent and say where to."""
        report.omitted += sum(letter.omitted is not None for letter in batch)
        report.strangers += sum(letter.omitted is None and letter.original is None for letter in batch)
        return [letter for letter in batch if letter.omitted is None and letter.original is not None]

    async def _unerased(self, letters: list[Letter], report: RedriveReport) -> list[Letter]:
        erased = await self._erased_among(letters) if self._erased_among else set()
        report.erased += len(erased)
        return [letter for letter in letters if letter.position not in erased]

    async def _look(self, letters: Sequence[Letter], left: int | None, report: RedriveReport) -> None:
        states = await self._redrives.states([letter.position for letter in letters])
        for letter in letters:
            state = states.get(letter.position)
            if state is None and (left is None or left > 0):
                report.sent += 1
                left = None if left is None else left - 1
            report.sent_before += state is Claim.SENT
            report.held += state is Claim.HELD

    async def _send(self, letters: Sequence[Letter], left: int | None, report: RedriveReport) -> None:
        known = await self._redrives.states([letter.position for letter in letters])
        # No more are claimed than may be sent: nobody else could have the others for a minute.
        wanted = [letter for letter in letters if known.get(letter.position) is not Claim.SENT][:left]
        claims = await self._redrives.claim([letter.position for letter in wanted], self._run)
        ours = [letter for letter in wanted if claims[letter.position] is Claim.OURS]
        targets, refused, failure = await self._produce(ours)
        await self._redrives.sent(targets)
        report.sent += len(targets)
        report.too_large += refused
        report.held += sum(claim is Claim.HELD for claim in claims.values())
        report.sent_before += sum(claim is Claim.SENT for claim in (*claims.values(), *known.values()))
        if failure is not None:
            raise StreamUnavailableError(type(failure).__name__) from failure

    async def _produce(self, letters: Sequence[Letter]) -> tuple[dict[Position, Position], int, BaseException | None]:
        """Where each was acknowledged; how many are too large; the first other failure."""
        targets: dict[Position, Position] = {}
        too_large = 0
        failure: BaseException | None = None
        for letter, answer in zip(letters, await self._answers(letters), strict=False):
            if not isinstance(answer, BaseException):
                targets[letter.position] = Position(answer.topic, answer.partition, answer.offset)
            elif isinstance(answer, _TOO_LARGE):
                too_large += 1
            elif isinstance(answer, KafkaError | OSError | TimeoutError):
                failure = failure or answer
            else:
                raise answer
        return targets, too_large, failure

    async def _answers(self, letters: Sequence[Letter]) -> list[Any]:
        """Kafka's acknowledgement of each, or the error instead. With Kafka away the last one is that error, and there
        are no more.

        Kafka refuses a batch for the sake of one letter, and all that comes behind it in its partition for a gap in the
        producer's sequence. So each of them is sent by itself, by a producer that begins anew after a refusal.
        """
        answers = await self._together(letters)
        if not any(isinstance(answer, _TOO_LARGE) for answer in answers):
            return answers
        await self._close(clean=False)
        for index, refused in enumerate(answers):
            if isinstance(refused, BaseException):
                (answer,) = await self._together([letters[index]])
                answers[index] = answer
                if isinstance(answer, BaseException):
                    await self._close(clean=False)
                    if not isinstance(answer, _TOO_LARGE):
                        break
        return answers

    async def _together(self, letters: Sequence[Letter]) -> list[Any]:
        """Handed over in order, and then awaited."""
        sending: list[Awaitable[Any]] = []
        for letter in letters:
            try:
                sending.append(await self._hand_over(letter))
            except MessageSizeTooLargeError as error:
                sending.append(_failed(error))
            except (KafkaError, OSError, TimeoutError) as error:
                sending.append(_failed(error))
                break
        return await asyncio.gather(*sending, return_exceptions=True)

    async def _hand_over(self, letter: Letter) -> Awaitable[Any]:
        producer = await self._started()
        original = letter.original or letter.position
        partitions = await producer.partitions_for(original.topic)
        queued: Awaitable[Any] = await producer.send(
            original.topic,
            value=letter.value,
            # aiokafka refuses to send a record that has neither, though Kafka and other clients allow it.
            key=b"" if letter.key is None and letter.value is None else letter.key,
            # Where it was, so that it comes behind what it came behind; anywhere if that partition is no more.
            partition=original.partition if original.partition in partitions else None,
            headers=_headers(letter),
        )
        return queued

    async def _started(self) -> Any:
        if self._producer is None:
            producer = make_producer(self._broker)
            try:
                await start_client(producer, self._broker)
            except BaseException:
                await discard(producer, clean=False)
                raise
            self._producer = producer
        return self._producer

    async def _close(self, *, clean: bool) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer, clean=clean)


async def _failed(error: Exception) -> None:
    raise error


def _headers(letter: Letter) -> Headers:
    headers = letter.source_headers()
    headers.append((REDRIVEN_FROM_HEADER, str(letter.position).encode()))
    if first_received := letter.told("original-timestamp"):
        headers.append((FIRST_RECEIVED_HEADER, first_received.encode()))
    return headers


async def _batches(letters: AsyncIterator[Letter]) -> AsyncIterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    async for letter in letters:
        if batch and (len(batch) >= BATCH_LETTERS or size + letter.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += letter.size
    if batch:
        yield batch
