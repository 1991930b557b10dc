"""What became of one input: found by its id or its place in Kafka, in the store and among the dead letters."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import orjson

from consumers.runtime.letters import Letter, LetterReader, Progress, Selection
from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.runtime.records import legible_tenant
from consumers.tracker.normalise import event_id_of_message, normalise
from schemas.positions import Position
from schemas.topics import SOURCES, TRACKER_EVENTS, dead_letters_of
from service.redrive.ports import Redrives
from service.timeline.model import TimelineEvent
from service.trace.model import MessageTrace, Ownership
from service.trace.ports import Traces

NEWEST_LETTERS = 20_000
"""Of each partition of a dead letter topic, so many are searched."""


class TracedEvent(NamedTuple):
    """An event, and whose its identities are now."""

    event: TimelineEvent
    owners: list[Ownership]


class TracedLetter(NamedTuple):
    """A dead letter, and where it was sent again."""

    letter: Letter
    sent_to: Position | None


class TracedRecord(NamedTuple):
    """A record where it was asked for: what it says legibly of itself."""

    position: Position
    tenant_id: str | None
    invalid: str | None
    """Why it cannot be handled, as far as its source can be told here."""


@dataclass(slots=True)
class Trace:
    """All that was found."""

    records: list[TracedRecord] = field(default_factory=list)
    events: list[TracedEvent] = field(default_factory=list)
    messages: list[MessageTrace] = field(default_factory=list)
    letters: list[TracedLetter] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be told."""
        return not (self.records or self.events or self.messages or self.letters)


class Tracer:
    """Looks for one input."""

    def __init__(
        self, traces: Traces, redrives: Redrives, reader: LetterReader, topic_prefix: str, progress: Progress
    ) -> None:
        self._traces = traces
        self._redrives = redrives
        self._reader = reader
        self._prefix = topic_prefix
        self._progress = progress

    async def event(self, event_id: str, tenant_id: str | None) -> Trace:
        """An event by its id, or a visitor event that never became one."""
        trace = Trace()
        await self._add_event(trace, event_id, tenant_id)
        if not trace.events:
            async for letter in self._letters(TRACKER_EVENTS):
                if event_id in _event_ids(letter) and tenant_id in (None, legible_tenant(letter.value)):
                    await self._add_letter(trace, letter)
        return trace

    async def message(self, told: str, tenant_id: str, account: str | None) -> Trace:
        """By the producer's own id: of a tracker's message, of a mail, an Intercom conversation or a part of one."""
        trace = Trace()
        await self._add_event(trace, event_id_of_message(tenant_id, told), tenant_id)
        trace.messages += await self._traces.messages(tenant_id, told, account)
        quoted = orjson.dumps(told)
        async for letter in self._letters(*SOURCES.values()):
            if quoted in (letter.value or b"") and legible_tenant(letter.value) in (None, tenant_id):
                await self._add_letter(trace, letter)
        return trace

    async def position(self, asked: Position) -> Trace:
        """By its place: of a record on a source's topic, or of a dead letter."""
        trace = Trace()
        name = asked.topic.removeprefix(self._prefix)
        found = await self._reader.get(asked)
        if name in map(dead_letters_of, SOURCES.values()):
            if found is not None:
                await self._add_letter(trace, found)
            return trace
        if found is not None:
            await self._add_record(trace, found, name)
        async for letter in self._letters(name):
            if letter.original == asked:
                await self._add_letter(trace, letter)
        return trace

    async def _add_record(self, trace: Trace, found: Letter, name: str) -> None:
        record = Record(*found.position, found.key, found.value, found.at, found.headers)
        tenant_id, invalid = legible_tenant(found.value), None
        if name == TRACKER_EVENTS:
            try:
                event = normalise(record, timedelta(0))
            except InvalidRecordError as error:
                invalid = error.reason
            else:
                await self._add_event(trace, event.event_id, event.tenant_id)
        trace.records.append(TracedRecord(found.position, tenant_id, invalid))

    async def _add_event(self, trace: Trace, event_id: str, tenant_id: str | None) -> None:
        event = await self._traces.event(event_id)
        if event is not None and tenant_id in (None, event.tenant_id):
            trace.events.append(TracedEvent(event, await self._traces.owners(event.identities)))

    async def _add_letter(self, trace: Trace, letter: Letter) -> None:
        sent_to = await self._redrives.target(letter.position)
        trace.letters.append(TracedLetter(letter, sent_to))

    def _letters(self, *names: str) -> AsyncIterator[Letter]:
        topics = tuple(f"{self._prefix}{dead_letters_of(name)}" for name in names)
        return self._reader.select(Selection(topics, newest=NEWEST_LETTERS), self._progress)


def _event_ids(letter: Letter) -> Sequence[str]:
    """The id that the event of a visitor's message would have had, where its letter says legibly enough."""
    tenant_id = legible_tenant(letter.value)
    if tenant_id is None:
        return ()
    message_id = orjson.loads(letter.value or b"").get("message_id")
    return (event_id_of_message(tenant_id, message_id),) if isinstance(message_id, str) else ()
