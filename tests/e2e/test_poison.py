"""Records that can never be handled are put aside, with their bytes and the reason; their neighbours are stored."""

import asyncio

import orjson
import psutil
from confluent_kafka import Producer

from schemas.topics import TRACKER_EVENTS
from tests.support.running_system import System
from tests.support.tracker_fixtures import event_id, hostile_strings

MB = 1024 * 1024


def envelope(**fields: object) -> bytes:
    return orjson.dumps({"tenant_id": "t", "event": "page_view", "visitorId": "v", **fields})


POISON: dict[str, bytes | None] = {
    "empty": b"",
    "null value": None,
    "JSON null": b"null",
    "not UTF-8": b'{"tenant_id": "\xff\xfe"}',
    "not JSON": b"hello",
    "deep array": b"[" * 100_000,
    "deep data": b'{"tenant_id":"t","event":"e","data":' + b'{"a":' * 60_000 + b"1" + b"}" * 60_000 + b"}",
    "NaN": b'{"tenant_id":"t","event":"e","data":{"a":NaN}}',
    "lone surrogate": b'{"tenant_id":"t","event":"e","data":{"a":"\\ud800"}}',
    "no tenant": b'{"event":"e"}',
    "hostile tenant": b'{"tenant_id":"$where","event":"e"}',
    "no event": b'{"tenant_id":"t"}',
    "unknown field": envelope(nobody_knows=1),
    "wrong type": envelope(event=7),
    "NUL in a key": b'{"tenant_id":"t","event":"e","data":{"a\\u0000b":1}}',
    "beyond int64": b'{"tenant_id":"t","event":"e","data":{"a":9223372036854775808}}',
    "no such number": b'{"tenant_id":"t","event":"e","data":{"a":1e999}}',
    "year 99999": envelope(timestamp="99999-01-01T00:00:00Z"),
    "epoch beyond": envelope(timestamp=9e15),
}


async def test_poison_is_put_aside_and_its_neighbours_are_stored(system: System) -> None:
    topic = system.topic(TRACKER_EVENTS)
    headers = [("x-request-id", b"trace-7")]
    before = psutil.Process(system.consumer.pid).memory_info().rss
    async with system.producer() as producer:
        for number, value in enumerate(POISON.values()):
            await producer.send(topic, envelope(message_id=f"good-{number}"), key=b"v", partition=0)
            await producer.send(topic, value, key=b"k", partition=0, headers=headers)
        large = envelope(message_id="large", data={"text": "x" * 5 * MB})
        await producer.send(topic, large, key=b"v", partition=0)
        await producer.send_and_wait(topic, envelope(message_id="last"), key=b"v", partition=0)
    await system.all_consumed()

    letters = await system.dead_letters()
    assert [letter.value for letter in letters] == list(POISON.values())
    for letter in letters:
        told = {name: value.decode() for name, value in letter.headers}
        assert (told["dlq-original-topic"], told["dlq-original-partition"], letter.key) == (topic, "0", b"k")
        assert told["dlq-reason"]
        assert told["dlq-error-class"] == "InvalidRecordError"
        assert told["dlq-original-offset"].isdigit()
        assert told["dlq-failed-at"].endswith("Z")
        assert told["x-request-id"] == "trace-7"
    stored = system.core.store.database["events"]
    good = [event_id("t", f"good-{number}") for number in range(len(POISON))]
    good += [event_id("t", "large"), event_id("t", "last")]
    assert await stored.count_documents({"_id": {"$in": good}}) == len(good)
    assert await stored.count_documents({}) == len(good)
    system.consumer.process.check()
    assert psutil.Process(system.consumer.pid).memory_info().rss < before + 150 * MB


async def test_a_record_of_nothing_is_put_aside(system: System) -> None:
    """As other clients can make it and ours cannot: neither key nor value, headers without a value."""
    topic = system.topic(TRACKER_EVENTS)
    producer = Producer({"bootstrap.servers": system.topics.kafka_bootstrap, "log_level": 0})
    producer.produce(topic, envelope(message_id="first"), partition=0)
    producer.produce(topic, None, None, partition=0)
    producer.produce(topic, b"poison", None, partition=0, headers=[("trace", None), ("trace", b"\xff")])
    producer.produce(topic, envelope(message_id="last"), partition=0)
    assert await asyncio.to_thread(producer.flush, 20) == 0
    await system.all_consumed()

    # Their keys differ, and so may their partitions: no order between them.
    assert {letter.value for letter in await system.dead_letters()} == {None, b"poison"}
    assert await system.core.store.database["events"].count_documents({}) == 2
    system.consumer.process.check()


async def test_hostile_strings_are_stored_exactly_or_put_aside(system: System) -> None:
    strings = [text for text in hostile_strings() if "\0" not in text]
    messages = [
        {
            "message_id": f"h{number}",
            "event": text[:256] or "e",
            "visitorId": text,
            "url": text,
            "referrer": text,
            "data": {"text": text, f"key {text}": text},
        }
        for number, text in enumerate(strings)
    ]
    await system.send(messages)
    await system.all_consumed()

    stored = {
        document["_id"]: document
        for document in await system.core.store.database["events"].find({"tenant_id": system.tenant_id}).to_list(None)
    }
    aside = {orjson.loads(letter.value)["message_id"] for letter in await system.dead_letters()}
    for message in messages:
        document = stored.get(event_id(system.tenant_id, str(message["message_id"])))
        if document is None:
            assert message["message_id"] in aside
        else:
            assert (document["event"], document["url"]) == (message["event"], message["url"])
            assert document["visitor_id"] == message["visitorId"]
            assert document["data"] == message["data"]
    assert len(aside) < len(messages) / 20
