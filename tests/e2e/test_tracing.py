"""One trace leads from a request to the feed, and from a source to its consumer, through real processes; what it tells
is nobody's address, body or key."""

import secrets
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from schemas.topics import CONTACTS_CHANGES, TRACKER_EVENTS
from tests.support.collector import CollectedSpan, Collector, collecting
from tests.support.doors import SITE, page_key
from tests.support.running_system import System, running_system
from tests.support.waiting import eventually

SECRETS = ["ada.lovelace", "Lovelace-Byron", "visitor-0f9c", "secret-page", "127.0.0.1"]
ARRIVES_S = 30


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
async def system(mongo_url: str, kafka_bootstrap: str, collector: Collector) -> AsyncIterator[System]:
    often = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
    async with running_system(
        mongo_url, kafka_bootstrap, env={"PATHBOUND_OTEL_ENDPOINT": collector.address, **often}
    ) as system:
        yield system


class Trace:
    """That a client has begun."""

    def __init__(self, flags: str = "01") -> None:
        self.id, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.parent = f"00-{self.id}-{self.span}-{flags}"

    async def spans(self, collector: Collector, many: int) -> list[CollectedSpan]:
        """By name, once there are so many."""

        async def there() -> bool:
            return len(collector.of(self.id)) >= many

        await eventually(there, ARRIVES_S, f"{many} spans of a trace have come")
        return sorted(collector.of(self.id), key=lambda span: span.name)


async def test_a_request_its_outbox_record_and_its_message_are_one_trace(system: System, collector: Collector) -> None:
    trace, body = Trace(), {"email": "ada.lovelace@example.com", "properties": {"lastname": "Lovelace-Byron"}}
    headers = {"traceparent": trace.parent, "X-Request-Id": "client-42"}
    created = await system.user.post("/v1/contacts", body, headers=headers)
    assert created.status == 201
    await system.outbox_empty()

    request, sent = await trace.spans(collector, 2)
    assert (request.service, request.name, request.kind) == ("pathbound-api", "POST /v1/contacts", "SPAN_KIND_SERVER")
    assert (request.parent, sent.parent) == (trace.span, request.span)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/contacts",
        "http.response.status_code": 201,
        "pathbound.request_id": "client-42",
    }
    assert (sent.service, sent.name, sent.kind) == (
        "pathbound-relay", f"send {CONTACTS_CHANGES}", "SPAN_KIND_PRODUCER",
    )  # fmt: skip
    (record,) = [one for one in await system.changes() if one.key.decode() == created.body["contact"]["contact_id"]]
    assert dict(record.headers)["traceparent"].decode() == f"00-{trace.id}-{request.span}-01"
    assert not any(secret.encode() in collector.raw for secret in [*SECRETS, system.user.api_key])


async def test_a_door_and_the_consumer_are_one_trace(system: System, collector: Collector) -> None:
    trace, key = Trace(), await page_key(system.core, system.tenant_id)
    visit = {"event": "page_view", "visitorId": "visitor-0f9c", "url": f"{SITE}/secret-page"}
    headers = {"traceparent": trace.parent, "Authorization": f"Bearer {key}", "Origin": SITE}
    assert (await system.user.post("/v1/track", {"events": [visit]}, headers=headers)).status == 202

    request, handled = await trace.spans(collector, 2)
    assert (request.name, request.parent) == ("POST /v1/track", trace.span)
    assert (handled.service, handled.name, handled.kind, handled.failed) == (
        "pathbound-consume-tracker", f"process {system.topic(TRACKER_EVENTS)}", "SPAN_KIND_CONSUMER", False,
    )  # fmt: skip
    assert handled.parent == request.span
    assert handled.attributes["messaging.system"] == "kafka"
    assert not any(secret.encode() in collector.raw for secret in [*SECRETS, key, key.rpartition("_")[2]])


async def test_a_producers_trace_goes_on_in_the_consumer(system: System, collector: Collector) -> None:
    good, poison, unkept, odd = Trace(), Trace(), Trace("00"), "00-" + "0" * 32 + "-" + "0" * 16 + "-01"
    visit = orjson.dumps({"tenant_id": system.tenant_id, "event": "page_view", "visitorId": "visitor-0f9c"})
    async with system.producer() as producer:
        for parent, value in (
            (unkept.parent, visit), (odd, visit), (good.parent, visit), (poison.parent, b"Lovelace-Byron"),
        ):  # fmt: skip
            headers = [("traceparent", parent.encode())]
            await producer.send_and_wait(system.topic(TRACKER_EVENTS), value, key=b"visitor-0f9c", headers=headers)

    (stored,), (aside,) = await good.spans(collector, 1), await poison.spans(collector, 1)
    assert (stored.parent, stored.failed) == (good.span, False)
    assert (aside.parent, aside.failed, aside.attributes["error.type"]) == (poison.span, True, "dead_lettered")
    assert isinstance(aside.attributes["messaging.kafka.offset"], int)
    assert collector.of(unkept.id) == []
    assert not any(secret.encode() in collector.raw for secret in SECRETS)
