"""What a batch of the outbox puts on the topic of snapshots."""

from dataclasses import replace
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from schemas.asyncapi import describe_topics
from schemas.change_examples import CHANGES, cloud_event
from schemas.changes import CONTENT_TYPE, ChangeType
from schemas.published import dataschemas
from schemas.snapshots import SnapshotEvent
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.outbox.model import OutboxRecord
from service.outbox.snapshots import snapshot, with_snapshots
from tests.support.openapi import strict_schema
from tests.support.relay import record_of


def change(contact_id: str, sequence: int, kind: ChangeType, city: str | None = None) -> OutboxRecord:
    data: dict[str, Any] = dict(CHANGES[kind])
    if "contact" in data:
        data["contact"] = {**data["contact"], "contact_id": contact_id, "properties": {"city": city}}
    value = orjson.dumps({**cloud_event(kind, data, sequence), "subject": contact_id})
    record = record_of(contact_id, sequence, CONTACTS_CHANGES, value)
    return replace(record, headers=(("content-type", CONTENT_TYPE),))


def snapshots(published: list[OutboxRecord]) -> list[tuple[str, int, str | None]]:
    """Contact, sequence and city of each snapshot; None is a tombstone."""
    found = []
    for record in published:
        if record.topic == CONTACTS_SNAPSHOT:
            event = orjson.loads(record.value) if record.value else {}
            city = event["data"]["contact"]["properties"]["city"] if event else None
            found.append((record.contact_id, record.sequence, city))
    return found


def test_changes_come_first_as_they_are_and_then_each_contacts_last_state() -> None:
    batch = [
        change("a", 1, ChangeType.CONTACT_CREATED, "Rome"),
        change("b", 1, ChangeType.CONTACT_CREATED, "Oslo"),
        change("a", 2, ChangeType.CONTACT_UPDATED, "Bonn"),
        change("a", 3, ChangeType.NOTE_CREATED),
        change("b", 2, ChangeType.CONTACT_DELETED),
        change("c", 7, ChangeType.ACTION_COMPLETED),
    ]
    published = with_snapshots(batch)
    assert published[: len(batch)] == batch
    assert snapshots(published) == [("a", 2, "Bonn"), ("b", 2, None)]


def test_a_snapshot_is_an_event_as_described_and_says_its_tenant_in_a_header() -> None:
    [_, one] = with_snapshots([change("a", 5, ChangeType.CONTACT_IDENTITY_LINKED, "Rome")])
    event = orjson.loads(one.value)
    SnapshotEvent.model_validate(event)
    Draft202012Validator(strict_schema(SnapshotEvent.model_json_schema())).validate(event)
    Draft202012Validator(strict_schema(dataschemas()["contact.snapshot.v1.json"])).validate(event["data"])
    assert (event["id"], event["subject"], event["sequence"]) == ("a.5", "a", 5)
    assert dict(one.headers)["tenantid"] == "tenant"
    [_, gone] = with_snapshots([change("a", 6, ChangeType.CONTACT_DELETED)])
    assert (gone.value, dict(gone.headers)) == (b"", {"tenantid": "tenant"})


def test_the_snapshot_of_who_was_loaded_and_never_changed_is_an_event_as_described() -> None:
    contact = {**CHANGES[ChangeType.CONTACT_CREATED]["contact"], "contact_id": "ct_loaded"}
    at = record_of("ct_loaded", 1, CONTACTS_CHANGES, b"").committed_at
    event = orjson.loads(snapshot("tenant", contact, 0, "2026-11-23T09:30:00.000Z", "rebuilt", at).value)
    SnapshotEvent.model_validate(event)
    described = describe_topics("1.0")
    payload = described["components"]["messages"]["contact.snapshot"]["payload"]
    Draft202012Validator({**payload, "components": described["components"]}).validate(event)


def test_a_rebuilt_snapshot_takes_its_place_in_the_order() -> None:
    [_, rebuilt] = with_snapshots([change("a", 4, ChangeType.CONTACT_UPDATED, "Rome")])
    rebuilt = replace(rebuilt, record_id="rebuilt")
    later = change("a", 5, ChangeType.CONTACT_UPDATED, "Oslo")
    assert snapshots(with_snapshots([rebuilt])) == [("a", 4, "Rome")]
    assert snapshots(with_snapshots([rebuilt, later])) == [("a", 5, "Oslo")]
    assert snapshots(with_snapshots([change("a", 3, ChangeType.CONTACT_UPDATED, "Bonn"), rebuilt])) == [
        ("a", 4, "Rome")
    ]


def test_what_is_no_event_has_no_snapshot_and_stops_nobody() -> None:
    other = record_of("a", 1, CONTACTS_CHANGES, b"not even JSON")
    assert with_snapshots([other]) == [other]
