"""Whether what is there is what must be there. Pure; each fault is one sentence.

Nothing acknowledged is lost, nothing is there twice, nothing is there that nobody asked for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from service.ledger.model import Outcome
from tests.chaos.expected import Expected, ExpectedContact
from tests.chaos.seen import FeedEvent, Seen, SeenContact, SeenSource

_LINKED = "contact.identity_linked"


def judge(expected: Expected, seen: Seen) -> list[str]:
    """All that is wrong."""
    return [
        *_population(expected, seen),
        *(fault for person in expected.contacts for fault in _contact(person, seen)),
        *seen.feed_faults,
        *(fault for source, one in seen.sources.items() for fault in _source(source, one, expected)),
        *(f"outbox: {record} is stranded" for record in seen.waiting),
        *([f"profiles: a rebuild would change {seen.wrong_profiles}"] if seen.wrong_profiles else []),
        *([f"links: {seen.unfinished_links} are not finished"] if seen.unfinished_links else []),
    ]


def _population(expected: Expected, seen: Seen) -> Iterator[str]:
    living = {one.contact_id for one in expected.contacts if not one.deleted}
    everybody = {one.contact_id for one in expected.contacts}
    yield from (f"database: {one} is lost" for one in living - seen.stored.keys())
    yield from (f"database: {one} is there, and nobody asked for it" for one in seen.stored.keys() - living)
    yield from (f"identities: {one} is gone and still has some" for one in seen.owners - living)
    yield from (f"feed: {one} is on it, and nobody asked for it" for one in seen.feed.keys() - everybody)
    yield from (f"snapshots: {one} is on it, and nobody asked for it" for one in seen.snapshots.keys() - everybody)


def _contact(person: ExpectedContact, seen: Seen) -> Iterator[str]:
    contact_id = str(person.contact_id)
    who = f"{person.person} ({contact_id})"
    one, events = seen.contacts[contact_id], seen.feed.get(contact_id, [])
    faults = _deleted(person, one) if person.deleted else _living(person, one)
    yield from (f"{who}: {fault}" for fault in faults)
    yield from (f"{who}: feed: {fault}" for fault in _feed(person, events))
    distinct = list(dict.fromkeys(event.id for event in events))
    yield from (f"{who}: timeline, own changes: {fault}" for fault in _difference(distinct, one.changes))
    if contact_id not in seen.snapshots:
        yield f"{who}: no snapshot"
    elif seen.snapshots[contact_id] != seen.stored.get(contact_id):
        yield f"{who}: the snapshot differs from the contact"


def _living(person: ExpectedContact, seen: SeenContact) -> Iterator[str]:
    if seen.status != 200:
        yield f"answers {seen.status}"
        return
    yield from _same("version", person.version + len(person.adopted), seen.contact["version"])
    yield from _same("properties", person.properties, seen.contact["properties"])
    yield from _same("visitor ids", sorted(person.visitors), sorted(seen.contact["visitor_ids"]))
    yield from (f"notes: {fault}" for fault in _difference(person.notes.values(), seen.notes))
    yield from (f"timeline: {fault}" for fault in _difference(person.entries, seen.entries))
    yield from _same("page views", person.page_views, seen.profile["page_views"])
    yield from _same("sessions", person.sessions, seen.profile["sessions"])


def _deleted(person: ExpectedContact, seen: SeenContact) -> Iterator[str]:
    """Its history stays. What came in about when it was deleted may be a part of it or not, but never twice."""
    yield from _same("status", 404, seen.status)
    told = {*person.mails, *person.chat, *(entry for visits in person.visits.values() for entry, _ in visits)}
    # A mail that is in two mailboxes is one entry, under the name in that one which was read first before the deletion.
    entries = [entry.replace("gmail:h-", "gmail:g-") for entry in seen.entries]
    for entry, times in Counter(entries).items():
        if times > 1:
            yield f"timeline: {entry} is there {times} times"
        if entry not in told:
            yield f"timeline: {entry} is there, and nobody told of it"


def _feed(person: ExpectedContact, events: list[FeedEvent]) -> Iterator[str]:
    first: dict[str, FeedEvent] = {}
    for event in events:
        if first.setdefault(event.id, event).value != event.value:
            yield f"{event.id} came again with other content"
    numbers = [event.sequence for event in first.values()]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the sequence is {numbers}"
    types = Counter(event.type for event in first.values())
    logins = 0 if person.deleted else len(person.adopted)
    least = person.changes + Counter({_LINKED: logins})
    for kind in sorted(types.keys() | least.keys()):
        if not least[kind] <= types[kind] <= least[kind] + person.maybe[kind]:
            yield f"{types[kind]} {kind} instead of {least[kind]}"


def _source(source: str, seen: SeenSource, expected: Expected) -> Iterator[str]:
    told, poison = expected.told[source], expected.poison[source]
    yield from (f"{source}: {one} was acknowledged by Kafka and is not there" for one in told - seen.records.keys())
    yield from (f"{source}: {one} is there, and nobody sent it" for one in seen.records.keys() - told - poison)
    yield from _same(f"{source}: received by partition", dict(seen.by_partition), dict(seen.received))
    yield from _same(f"{source}: dead letters", sorted(poison), sorted(seen.dead))
    dead = sum(seen.records[one] for one in poison)
    yield from _same(f"{source}: dead-lettered", dead, seen.outcomes[Outcome.DEAD_LETTERED])
    new = seen.outcomes[Outcome.STORED] + seen.outcomes[Outcome.PARKED]
    if not len(told) - expected.maybe_nothing_new[source] <= new <= len(told):
        yield f"{source}: stored and parked: {new} instead of {len(told)}"
    again = sum(seen.records[one] for one in told) - new
    yield from _same(f"{source}: duplicates", again, seen.outcomes[Outcome.DUPLICATE])


def _same(what: str, wanted: Any, found: Any) -> Iterator[str]:
    if wanted != found:
        yield f"{what}: {found} instead of {wanted}"


def _difference(wanted: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    must, have = Counter(wanted), Counter(found)
    yield from (f"{one} is lost" for one in must - have)
    yield from (f"{one} is there {have[one]} times" for one in have - must if must[one])
    yield from (f"{one} is there, and nobody asked for it" for one in have - must if not must[one])
