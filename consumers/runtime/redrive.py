"""Sending dead letters again, to where their records came from, once their fault is mended.

A letter is claimed in the store, sent, and noted as sent once Kafka has acknowledged it. So it is sent once, however
often and by however many this is repeated, except where a run dies between the acknowledgement and the note: then the
batch in hand (100 at most) may be sent once more by a later run. What a record says is stored once all the same, since
its events' ids are the same; the ledger counts the second one as a duplicate.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from consumers.runtime.letters import Letter
from consumers.runtime.records import FIRST_RECEIVED_HEADER, REDRIVEN_FROM_HEADER
from consumers.runtime.sending import Sender
from schemas.positions import Position
from service.errors import StreamUnavailableError
from service.kafka.connection import Broker
from service.kafka.sending import Outgoing
from service.redrive.model import Claim
from service.redrive.ports import Redrives

BATCH_LETTERS = 100
BATCH_BYTES = 8 * 1024 * 1024


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
        self._redrives = redrives
        self._run = run
        self._sender = Sender(broker)

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
            await self._sender.close()

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
        answers = await self._sender.send([_record(letter) for letter in letters])
        for letter, answer in zip(letters, answers, strict=True):
            if not isinstance(answer, BaseException):
                targets[letter.position] = Position(answer.topic, answer.partition, answer.offset)
            elif isinstance(answer, MessageSizeTooLargeError):
                too_large += 1
            elif isinstance(answer, KafkaError | OSError | TimeoutError):
                failure = failure or answer
            else:
                raise answer
        return targets, too_large, failure


def _record(letter: Letter) -> Outgoing:
    """As it was, and where it was, so that it comes behind what it came behind."""
    headers = letter.source_headers()
    headers.append((REDRIVEN_FROM_HEADER, str(letter.position).encode()))
    if first_received := letter.told("original-timestamp"):
        headers.append((FIRST_RECEIVED_HEADER, first_received.encode()))
    original = letter.original or letter.position
    return Outgoing(original.topic, letter.key, letter.value, headers, original.partition)


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
