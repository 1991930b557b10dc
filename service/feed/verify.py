"""Whether the topic has every change that the database has counted: the proof that nothing was missed.

A number that is not on the topic is no gap where it still waits in the outbox, and none where the topic has let go of
what is so old. Repeats (delivery is at least once) and replays are none either.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from service.chunks import chunks
from service.feed.gaps import Range, Track, ranges
from service.feed.model import Bounds, Counted, FeedRecord, Kept
from service.feed.ports import FeedHistory, FeedTopic

LOOKED_UP_AT_ONCE = 200
"""Contacts."""


@dataclass(slots=True)
class ContactVerdict:
    """What became of one contact's events on the topic."""

    contact_id: str
    tenant_id: str
    counted: int | None
    """Events by the database; None where it does not know the contact."""
    first: int | None = None
    last: int | None = None
    repeats: int = 0
    waiting: int = 0
    """Not published yet."""
    expired: int = 0
    """Older than what the topic keeps."""
    missing: list[Range] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    clashes: list[int] = field(default_factory=list)

    @property
    def ahead(self) -> bool:
        """The topic says more than the database knows."""
        return self.last is not None and self.last > (self.counted or 0)

    @property
    def complete(self) -> bool:
        """Every number is there, in order."""
        return not (self.missing or self.late or self.clashes or self.ahead)


@dataclass(slots=True)
class Reading:
    """All that was read of the topic."""

    bounds: Mapping[int, Bounds]
    cut: datetime
    """Before which moment everything marked as published must be in the reading."""
    records: int = 0
    replayed: int = 0
    tracks: dict[str, Track] = field(default_factory=dict)
    tenants: dict[str, str] = field(default_factory=dict)
    oldest: dict[int, datetime] = field(default_factory=dict)
    """By partition: the first record's time."""
    unreadable: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of what is no event."""

    def see(self, record: FeedRecord, tenant_id: str | None) -> None:
        """The next record."""
        self.oldest.setdefault(record.partition, record.timestamp)
        event = record.event
        if event is None or not isinstance(event.get("sequence"), int) or not isinstance(event.get("id"), str):
            self.unreadable.append((record.partition, record.offset))
            return
        if tenant_id not in (None, event.get("tenantid")):
            return
        if record.replay is not None:
            self.replayed += 1
            return
        self.records += 1
        track = self.tracks.get(record.contact_id)
        if track is None:
            self.tracks[record.contact_id] = Track(event["sequence"], event["id"])
            self.tenants[record.contact_id] = str(event.get("tenantid"))
        else:
            track.see(event["sequence"], event["id"])


class FeedVerifier:
    """The use-case behind `pathbound feed verify`."""

    def __init__(self, topic: FeedTopic, history: FeedHistory) -> None:
        self._topic = topic
        self._history = history

    async def read(self, tenant_id: str | None) -> tuple[dict[str, Counted], Reading]:
        """What the database has counted, then all that is on the topic. Raises as FeedTopic and FeedHistory do."""
        counted = {contact_id: one async for contact_id, one in self._history.counted(tenant_id)}
        # The moment before the bounds: what is marked as published until then lies within them.
        cut = await self._history.now()
        reading = Reading(await self._topic.bounds(), cut)
        async for record in self._topic.read(reading.bounds):
            reading.see(record, tenant_id)
        # What was created or went on since the count was taken.
        known = {contact_id: one.sequence for contact_id, one in counted.items()}
        newer = [contact_id for contact_id, track in reading.tracks.items() if track.high > known.get(contact_id, 0)]
        for chunk in chunks(newer, LOOKED_UP_AT_ONCE):
            counted |= {contact_id: one async for contact_id, one in self._history.counted(tenant_id, chunk)}
        return counted, reading

    async def judge(self, counted: Mapping[str, Counted], reading: Reading) -> AsyncIterator[ContactVerdict]:
        """A verdict on each contact, of the database or of the topic."""
        unsure: dict[str, list[ContactVerdict]] = {}
        for contact_id in {**counted, **reading.tracks}:
            verdict = _verdict(contact_id, counted.get(contact_id), reading)
            if verdict.counted is None or (verdict.first, verdict.last) == (1, verdict.counted) or verdict.ahead:
                yield verdict
                continue
            unsure.setdefault(verdict.tenant_id, []).append(verdict)
        for tenant_id, verdicts in unsure.items():
            for chunk in chunks(verdicts, LOOKED_UP_AT_ONCE):
                kept = await self._history.kept(tenant_id, [one.contact_id for one in chunk])
                for verdict in chunk:
                    self._explain(verdict, counted[verdict.contact_id], kept.get(verdict.contact_id, {}), reading)
                    yield verdict

    def _explain(self, verdict: ContactVerdict, counted: Counted, kept: Mapping[int, Kept], reading: Reading) -> None:
        """Say of each number before the first and after the last on the topic why it is not there."""
        partition = self._topic.partition_of(verdict.contact_id, len(reading.bounds))
        nothing_gone = reading.bounds[partition].begin == 0
        oldest = reading.oldest.get(partition)
        lost: list[int] = []
        first, last = verdict.first or 1, verdict.last or 0
        for number in (*range(1, first), *range(last + 1, counted.sequence + 1)):
            record = kept.get(number)
            if record is not None and number > last and (record.published_at or reading.cut) >= reading.cut:
                verdict.waiting += 1
                continue
            committed_at = record.committed_at if record else None
            if number == counted.sequence:
                committed_at = counted.committed_at
            # Published after its commit, so no older than what the partition's first record shows to be kept.
            if nothing_gone or (oldest is not None and committed_at is not None and committed_at >= oldest):
                lost.append(number)
            else:
                verdict.expired += 1
        verdict.missing = ranges([*lost, *(n for one in verdict.missing for n in range(one[0], one[1] + 1))])


def _verdict(contact_id: str, counted: Counted | None, reading: Reading) -> ContactVerdict:
    track = reading.tracks.get(contact_id)
    tenant_id = counted.tenant_id if counted else reading.tenants[contact_id]
    verdict = ContactVerdict(contact_id, tenant_id, counted.sequence if counted else None)
    if track is not None:
        verdict.first, verdict.last, verdict.repeats = track.first, track.high, track.repeats
        verdict.missing = ranges(track.missing)
        verdict.late, verdict.clashes = track.late, track.clashes
    return verdict
