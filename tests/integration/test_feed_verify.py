"""The gap check on the real servers."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.changes import REPLAY_HEADER
from service.feed.verify import ContactVerdict, FeedVerifier, Reading
from service.kafka.publishers import TransactionalPublisher
from tests.support.api import ApiUser
from tests.support.feed import LIFE, Feed, live
from tests.support.relay import read_committed

ALL = len(LIFE)


async def verify(feed: Feed, tenant: str | None = None) -> tuple[dict[str, ContactVerdict], Reading]:
    verifier = FeedVerifier(feed.topic, feed.store.feed_history)
    counted, reading = await verifier.read(tenant)
    return {verdict.contact_id: verdict async for verdict in verifier.judge(counted, reading)}, reading


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_a_relayed_feed_is_complete(feed: Feed, own_api: ApiUser, mode: Any) -> None:
    contacts = [await live(own_api), (await own_api.create_contact())["contact_id"]]
    await feed.relay(mode)

    verdicts, reading = await verify(feed)

    assert set(verdicts) == set(contacts)
    assert all(verdict.complete for verdict in verdicts.values())
    told = verdicts[contacts[0]]
    assert (told.first, told.last, told.counted, told.waiting, told.expired) == (1, ALL, ALL, 0, 0)
    assert (reading.records, reading.unreadable) == (ALL + 1, [])


async def test_what_waits_is_no_gap(feed: Feed, own_api: ApiUser) -> None:
    contact_id = await live(own_api)
    await feed.put((await feed.waiting(contact_id))[:4])
    untold = (await own_api.create_contact())["contact_id"]

    verdicts, _ = await verify(feed)

    assert (verdicts[contact_id].complete, verdicts[contact_id].waiting) == (True, ALL - 4)
    assert (verdicts[untold].complete, verdicts[untold].waiting, verdicts[untold].first) == (True, 1, None)


async def test_what_is_marked_and_not_there_is_missing(feed: Feed, own_api: ApiUser) -> None:
    contact_id = await live(own_api)
    records = await feed.waiting(contact_id)
    await feed.put([*records[1:4], *records[5:8]])
    await feed.store.outbox.mark_published([record.record_id for record in records])
    lost = (await own_api.create_contact())["contact_id"]
    await feed.store.outbox.mark_published([record.record_id for record in await feed.waiting(lost)])

    verdicts, _ = await verify(feed)

    assert verdicts[contact_id].missing == [(1, 1), (5, 5), (9, ALL)]
    assert verdicts[lost].missing == [(1, 1)]


async def test_disorder_is_told_from_repeats(feed: Feed, own_api: ApiUser) -> None:
    contact_id, other = await live(own_api), await live(own_api)
    records, others = await feed.waiting(contact_id), await feed.waiting(other)
    await feed.put([*records[:3], *records[:3], *records[2:]])
    await feed.put([others[0], *others[2:], others[1]])

    verdicts, _ = await verify(feed)

    told = verdicts[contact_id]
    assert (told.complete, told.repeats, told.late) == (True, 4, [])
    assert (verdicts[other].complete, verdicts[other].late, verdicts[other].repeats) == (False, [2], 0)


async def test_one_number_under_two_ids_is_a_fault(feed: Feed, own_api: ApiUser) -> None:
    contact_id = await live(own_api)
    records = await feed.waiting(contact_id)
    forged = orjson.dumps({**orjson.loads(records[2].value), "id": "evt_forged"})
    await feed.put([*records, replace(records[2], value=forged)])

    verdicts, _ = await verify(feed)

    assert (verdicts[contact_id].complete, verdicts[contact_id].clashes) == (False, [3])


async def test_replays_do_not_count(feed: Feed, own_api: ApiUser) -> None:
    contact_id = await live(own_api)
    records = await feed.waiting(contact_id)
    again = [replace(record, headers=(*record.headers, (REPLAY_HEADER, "now"))) for record in records]
    await feed.put([*records[:5], again[4], *again[:2], *records[5:]])

    verdicts, reading = await verify(feed)

    assert (verdicts[contact_id].complete, verdicts[contact_id].repeats, reading.replayed) == (True, 0, 3)


async def test_what_the_database_does_not_know_is_a_fault(feed: Feed, own_api: ApiUser) -> None:
    known, ahead = await live(own_api), await live(own_api)
    [record, *_], records = await feed.waiting(known), await feed.waiting(ahead)
    stranger = orjson.dumps({**orjson.loads(record.value), "subject": "ct_stranger"})
    further = orjson.dumps({**orjson.loads(records[0].value), "id": "evt_further", "sequence": ALL + 1})
    await feed.put([replace(record, contact_id="ct_stranger", value=stranger)])
    await feed.put([*records, replace(records[0], value=further), replace(records[0], value=b"[]")])

    verdicts, reading = await verify(feed)

    assert (verdicts["ct_stranger"].complete, verdicts["ct_stranger"].counted) == (False, None)
    assert (verdicts[ahead].complete, verdicts[ahead].last, verdicts[ahead].counted) == (False, ALL + 1, ALL)
    assert len(reading.unreadable) == 1


async def test_a_tenant_is_looked_at_alone(feed: Feed, own_api: ApiUser) -> None:
    mine = await live(own_api)
    await feed.relay()
    assert set((await verify(feed, own_api.tenant_id))[0]) == {mine}
    verdicts, reading = await verify(feed, "another")
    assert (verdicts, reading.records) == ({}, 0)


async def test_what_the_topic_has_let_go_of_is_no_gap_and_what_was_lost_since_is(feed: Feed, own_api: ApiUser) -> None:
    old, living = await live(own_api), (await own_api.create_contact())["contact_id"]
    await feed.relay()
    ends = {record.partition: record.offset + 1 for record in await read_committed(feed.bootstrap, feed.name)}
    admin = AdminClient({"bootstrap.servers": feed.bootstrap})
    expiring = [TopicPartition(feed.name, partition, end) for partition, end in ends.items()]
    for future in admin.delete_records(expiring).values():
        future.result(20)
    for city in ("Rome", "Oslo", "Bonn"):
        body = {"properties": {"city": city}}
        assert (await own_api.request("PUT", f"/v1/contacts/{living}", json=body)).status == 200
    records = await feed.waiting(living)
    await feed.put([records[1], records[3]])
    assert (await own_api.request("PUT", f"/v1/contacts/{living}", json={"properties": {"city": "Lund"}})).status == 200
    last = (await feed.waiting(living))[-1]
    await feed.store.outbox.mark_published([records[2].record_id, last.record_id])

    verdicts, _ = await verify(feed)

    assert (verdicts[old].complete, verdicts[old].expired, verdicts[old].first) == (True, ALL, None)
    assert (verdicts[living].expired, verdicts[living].first, verdicts[living].missing) == (1, 2, [(3, 3), (5, 5)])


async def test_an_open_transaction_is_waited_for(feed: Feed, own_api: ApiUser) -> None:
    contact_id = await live(own_api)
    records = await feed.waiting(contact_id)
    dead = TransactionalPublisher(feed.bootstrap, f"{feed.prefix}dead", feed.prefix)
    await dead.start()
    try:
        producer = dead._started()
        await producer.begin_transaction()
        await dead._send_all(producer, [replace(records[0], contact_id=contact_id)])
        # Behind the open transaction, and so not to be seen before it ends.
        await feed.put(records)
        bounds = await feed.topic.bounds()
        [partition] = [number for number, one in bounds.items() if one.end > one.begin]
        assert bounds[partition].end >= ALL + 1
    finally:
        await dead.stop()
    successor = TransactionalPublisher(feed.bootstrap, f"{feed.prefix}dead", feed.prefix)
    try:
        await successor.start()
    finally:
        await successor.stop()

    verdicts, _ = await verify(feed)

    assert (verdicts[contact_id].complete, verdicts[contact_id].repeats) == (True, 0)
