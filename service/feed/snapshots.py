"""contacts.snapshot as it is read back: the latest record of each contact, and whether it is what the database has.

A snapshot that differs is no fault while something of its contact waits in the outbox, or was published only after the
reading began. Who was deleted may have a tombstone on the topic, or nothing.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from schemas.snapshots import SNAPSHOT_TYPE, TENANT_HEADER
from service.chunks import chunks
from service.contacts.model import Contact
from service.contacts.view import contact_object
from service.feed.ports import FeedHistory, FeedTopic
from service.feed.verify import LOOKED_UP_AT_ONCE


class Latest(NamedTuple):
    """A contact's latest record. `digest` of the contact in it; None is a tombstone, empty what is no event."""

    tenant_id: str
    digest: bytes | None


async def latest_snapshots(topic: FeedTopic, tenant_id: str | None) -> dict[str, Latest]:
    """By contact id, up to the topic's end as of now; of one tenant, or of all. Raises as FeedTopic does."""
    found: dict[str, Latest] = {}
    async for record in topic.read(await topic.bounds()):
        told = dict(record.headers).get(TENANT_HEADER, "")
        if tenant_id not in (None, told):
            continue
        digest = None if record.tombstone else _digest_in(record.event or {})
        found[record.contact_id] = Latest(told, digest)
    return found


def _digest_in(event: dict[str, Any]) -> bytes:
    """Of the contact in it; empty where it is no snapshot, as what somebody else wrote to the topic may be."""
    data = event.get("data") if event.get("type") == SNAPSHOT_TYPE else None
    contact = data.get("contact") if isinstance(data, dict) else None
    return _digest(contact) if isinstance(contact, dict) else b""


def _digest(contact: dict[str, Any]) -> bytes:
    return blake2b(orjson.dumps(contact, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class SnapshotFault:
    """What is wrong with one contact's snapshot, in words."""

    tenant_id: str
    contact_id: str
    fault: str


@dataclass(slots=True)
class SnapshotVerdict:
    """How many contacts were compared; `waiting` are those that differ while something of them waits."""

    compared: int = 0
    waiting: int = 0
    untold: int = 0
    """Never told of, since they were loaded and nothing happened to them yet."""
    faults: list[SnapshotFault] = field(default_factory=list)


class SnapshotVerifier:
    """The part of `pathbound feed verify` that looks at contacts.snapshot."""

    def __init__(self, topic: FeedTopic, history: FeedHistory) -> None:
        self._topic = topic
        self._history = history

    async def __call__(self, tenant_id: str | None) -> SnapshotVerdict:
        """Raises as FeedTopic and FeedHistory do."""
        verdict = SnapshotVerdict()
        # The moment before the topic is read: what is marked as published until then is in the reading.
        cut = await self._history.now()
        latest = await latest_snapshots(self._topic, tenant_id)
        differing: defaultdict[str, dict[str, str]] = defaultdict(dict)
        async for contact in self._history.living(tenant_id):
            verdict.compared += 1
            if fault := _fault(contact, latest.pop(contact.contact_id, None), verdict):
                differing[contact.tenant_id][contact.contact_id] = fault
        for contact_id, one in latest.items():
            if one.digest is not None:
                differing[one.tenant_id][contact_id] = "no longer there, but its snapshot is"
        for tenant, faults in differing.items():
            await self._settle(tenant, faults, cut, verdict)
        return verdict

    async def _settle(self, tenant_id: str, faults: dict[str, str], cut: datetime, verdict: SnapshotVerdict) -> None:
        """Tell what is wrong from what is on its way."""
        for chunk in chunks(list(faults), LOOKED_UP_AT_ONCE):
            unsettled = await self._history.unsettled(tenant_id, chunk, cut)
            verdict.waiting += len(unsettled)
            verdict.faults += [SnapshotFault(tenant_id, one, faults[one]) for one in chunk if one not in unsettled]


def _fault(contact: Contact, found: Latest | None, verdict: SnapshotVerdict) -> str | None:
    if found is None:
        if contact.sequence == 0:
            verdict.untold += 1
            return None
        return "has no snapshot"
    if found.digest is None:
        return "its snapshot says that it is gone, and it is not"
    if found.digest != _digest(contact_object(contact, None)):
        return "its snapshot is not what the database has"
    return None


async def contacts_told(topic: FeedTopic, tenant_id: str | None) -> AsyncIterator[tuple[str, list[str]]]:
    """Contacts that have a snapshot, whether they are there or not: a tenant and some of its contacts at a time."""
    by_tenant: defaultdict[str, list[str]] = defaultdict(list)
    for contact_id, one in (await latest_snapshots(topic, tenant_id)).items():
        if one.digest is not None:
            by_tenant[one.tenant_id].append(contact_id)
    for tenant, contact_ids in by_tenant.items():
        for chunk in chunks(contact_ids, LOOKED_UP_AT_ONCE):
            yield tenant, list(chunk)
