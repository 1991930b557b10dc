"""The judge of a chaos run can fail: whatever is lost, doubled, out of order or left over is told, and by name."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.ledger.model import Outcome
from tests.chaos.case import complaints
from tests.chaos.expected import Expected
from tests.chaos.judge import judge
from tests.chaos.operations import Kind, Operation
from tests.chaos.seen import FeedEvent, Seen, SeenContact, SeenSource
from tests.chaos.sources import records_of

ADA, GONE = "ct_ada", "ct_gone"
PERSON = "c0-0"
LINKED = "contact.identity_linked"


def expected() -> Expected:
    """A contact with a visit from before it, a change, two notes and a login; another one that was deleted; poison."""
    found = Expected("t")

    def produced(serial: int, kind: Kind, person: str, **told: Any) -> None:
        operation = Operation(kind, 0, serial, person, told)
        found.produced(operation, records_of(operation, "t"))

    def answered(serial: int, kind: Kind, person: str, body: Any = None, **told: Any) -> None:
        found.answered(Operation(kind, 0, serial, person, told), body, asked_before=0)

    produced(0, Kind.VISIT, PERSON, device=0)
    produced(1, Kind.MAIL, PERSON, inbound=True, copied=False)
    produced(2, Kind.POISON, "", source="tracker")
    answered(3, Kind.CREATE, PERSON, {"contact": {"contact_id": ADA, "properties": {"company": "Acme"}}})
    answered(4, Kind.UPDATE, PERSON, properties={"city": "Oslo"})
    answered(5, Kind.NOTE, PERSON, {"note": {"note_id": "nt_1"}})
    answered(6, Kind.NOTE, PERSON, {"note": {"note_id": "nt_2"}})
    answered(7, Kind.EDIT_NOTE, PERSON, note=5)
    produced(10, Kind.VISIT, PERSON, device=100, login=True)
    answered(8, Kind.CREATE, "c0-1", {"contact": {"contact_id": GONE, "properties": {}}})
    answered(9, Kind.DELETE, "c0-1")
    return found


def seen(told: Expected) -> Seen:
    """What is there if all is well."""
    person = told.person(PERSON)
    contact = {"version": 3, "properties": dict(person.properties), "visitor_ids": ["v-c0-0-0", "v-c0-0-100"]}
    found = Seen(stored={ADA: contact}, owners={ADA}, snapshots={ADA: dict(contact), GONE: None})
    types = ["contact.created", "contact.updated", "note.created", "note.created", "note.updated", LINKED]
    found.feed[ADA] = [FeedEvent(f"evt_{n}", kind, n, b"{}") for n, kind in enumerate(types, start=1)]
    found.feed[GONE] = [FeedEvent("evt_a", "contact.created", 1, b"{}"), FeedEvent("evt_b", "contact.deleted", 2, b"")]
    found.contacts[ADA] = SeenContact(
        200,
        contact,
        {"page_views": 2, "sessions": 2},
        ["note by 0-7", "note by 0-6"],
        list(person.entries),
        [event.id for event in found.feed[ADA]],
    )
    found.contacts[GONE] = SeenContact(404, changes=["evt_a", "evt_b"])
    for source in ("tracker", "gmail", "intercom"):
        found.sources[source] = source_of(told, source)
    return found


def source_of(told: Expected, source: str) -> SeenSource:
    """Each record once, in partition 0."""
    one = SeenSource(dead=set(told.poison[source]))
    one.records.update(told.told[source] | told.poison[source])
    one.by_partition[0] = one.received[0] = one.records.total()
    one.outcomes.update({Outcome.STORED: len(told.told[source]), Outcome.DEAD_LETTERED: len(told.poison[source])})
    return one


def test_nothing_is_wrong_where_all_is_well() -> None:
    told = expected()
    assert judge(told, seen(told)) == []


def test_a_repeat_on_the_feed_is_no_fault() -> None:
    told = expected()
    found = seen(told)
    found.feed[ADA].insert(2, found.feed[ADA][0])
    assert judge(told, found) == []


def lose_a_note(found: Seen) -> None:
    found.contacts[ADA].notes.pop()


def double_a_note(found: Seen) -> None:
    found.contacts[ADA].notes.append("note by 0-6")


def lose_an_edit(found: Seen) -> None:
    found.contacts[ADA].notes[0] = "note by 0-5"


def lose_an_update(found: Seen) -> None:
    found.contacts[ADA].contact = found.contacts[ADA].contact | {"properties": {"company": "Acme"}}


def apply_an_update_twice(found: Seen) -> None:
    found.contacts[ADA].contact = found.contacts[ADA].contact | {"version": 4}


def lose_an_entry(found: Seen) -> None:
    found.contacts[ADA].entries.pop()


def double_an_entry(found: Seen) -> None:
    found.contacts[ADA].entries.append(found.contacts[ADA].entries[0])


def count_a_view_twice(found: Seen) -> None:
    found.contacts[ADA].profile["page_views"] = 3


def lose_a_contact(found: Seen) -> None:
    found.stored.clear()


def make_a_contact_of_nothing(found: Seen) -> None:
    found.stored["ct_nobody"] = {}


def raise_the_dead(found: Seen) -> None:
    found.contacts[GONE].status = 200


def lose_a_login(found: Seen) -> None:
    visitors = {"visitor_ids": ["v-c0-0-0"]}
    found.contacts[ADA].contact = found.contacts[ADA].contact | visitors


def leave_a_gap(found: Seen) -> None:
    found.feed[ADA].pop(2)


def disorder_the_feed(found: Seen) -> None:
    found.feed[ADA].reverse()


def tell_an_event_of_nothing(found: Seen) -> None:
    found.feed[ADA].append(FeedEvent("evt_9", "note.deleted", 7, b"{}"))


def change_a_repeat(found: Seen) -> None:
    found.feed[ADA].append(FeedEvent("evt_1", "contact.created", 1, b"other"))


def age_a_snapshot(found: Seen) -> None:
    found.snapshots[ADA] = {"version": 1}


def forget_a_tombstone(found: Seen) -> None:
    found.snapshots[GONE] = {"version": 1}


def strand_a_record(found: Seen) -> None:
    found.waiting.append("evt_5")


def leave_a_link(found: Seen) -> None:
    found.unfinished_links = 1


def spoil_a_profile(found: Seen) -> None:
    found.wrong_profiles = 1


def keep_an_identity_of_the_dead(found: Seen) -> None:
    found.owners.add(GONE)


def lose_a_source_record(found: Seen) -> None:
    found.sources["gmail"].records.clear()


def skip_a_source_record(found: Seen) -> None:
    found.sources["gmail"].received[0] -= 1


def count_new_twice(found: Seen) -> None:
    found.sources["tracker"].outcomes[Outcome.PARKED] += 1


def lose_a_dead_letter(found: Seen) -> None:
    found.sources["tracker"].dead.clear()


@pytest.mark.parametrize(
    ("spoil", "told_of"),
    [
        (lose_a_note, "note by 0-6 is lost"),
        (double_a_note, "note by 0-6 is there 2 times"),
        (lose_an_edit, "note by 0-7 is lost"),
        (lose_an_update, "properties"),
        (apply_an_update_twice, "version: 4 instead of 3"),
        (lose_a_login, "visitor ids"),
        (lose_an_entry, "timeline: gmail:g-0-1 is lost"),
        (double_an_entry, "is there 2 times"),
        (count_a_view_twice, "page views: 3 instead of 2"),
        (lose_a_contact, "database: ct_ada is lost"),
        (make_a_contact_of_nothing, "ct_nobody is there, and nobody asked for it"),
        (raise_the_dead, "status: 200 instead of 404"),
        (leave_a_gap, "the sequence is [1, 2, 4, 5, 6]"),
        (disorder_the_feed, "the sequence is [6, 5, 4, 3, 2, 1]"),
        (tell_an_event_of_nothing, "note.deleted"),
        (change_a_repeat, "evt_1 came again with other content"),
        (age_a_snapshot, "the snapshot differs from the contact"),
        (forget_a_tombstone, "the snapshot differs from the contact"),
        (strand_a_record, "outbox: evt_5 is stranded"),
        (leave_a_link, "links: 1 are not finished"),
        (spoil_a_profile, "a rebuild would change 1"),
        (keep_an_identity_of_the_dead, "identities: ct_gone is gone and still has some"),
        (lose_a_source_record, "was acknowledged by Kafka and is not there"),
        (skip_a_source_record, "gmail: received by partition"),
        (count_new_twice, "tracker: stored and parked: 3 instead of 2"),
        (lose_a_dead_letter, "tracker: dead letters"),
    ],
)
def test_each_fault_is_told(spoil: Callable[[Seen], None], told_of: str) -> None:
    told = expected()
    found = seen(told)
    spoil(found)
    assert told_of in json.dumps(judge(told, found))


def test_a_log_that_complains_is_told_once() -> None:
    """A line that is no JSON, an error of ours; not that Kafka is away, nor what is no error."""
    lines = [
        {"level": "error", "logger": "service.api.middlewares", "event": "request_failed"},
        {"level": "error", "logger": "service.api.middlewares", "event": "request_failed"},
        {"level": "error", "logger": "aiokafka.consumer.fetcher", "event": "Failed fetch messages"},
        {"level": "warning", "logger": "service.outbox.shard", "event": "relay_failed"},
    ]
    log = "\n".join([*map(json.dumps, lines), "Traceback (most recent call last):"])
    assert [fault.split(": ")[1] for fault in complaints(log)] == ["service.api.middlewares", "no JSON"]
