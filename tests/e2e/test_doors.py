"""From a web page and from Intercom to topics and timelines, through the processes; and what their logs keep quiet."""

import json
from datetime import UTC, datetime

from schemas.topics import INTERCOM_EVENTS
from tests.support.doors import SITE, beacon, notify, page_key
from tests.support.relay import read_committed
from tests.support.running_system import System
from tests.support.waiting import eventually

SECRET = "hush-client-secret"


async def test_what_a_page_sends_twice_is_in_the_timeline_once(system: System) -> None:
    key = await page_key(system.core, system.tenant_id)
    contact = await system.user.create_contact(visitor_id="v-1")
    visit = {"event": "page_view", "visitorId": "v-1"}
    visits = [{**visit, "url": f"{SITE}/{n}", "timestamp": 1_700_000_000_000 + n} for n in range(10)]

    for _ in range(2):
        assert (await beacon(system.user, key, {"events": visits})).status == 202
    await system.all_consumed()

    assert [event["url"] for event in await system.tracked(contact["contact_id"])] == [f"{SITE}/{n}" for n in range(10)]


async def test_keys_in_addresses_and_secrets_of_webhooks_are_in_no_log(system: System) -> None:
    key = await page_key(system.core, system.tenant_id)
    await system.core.store.webhook_secrets.put(system.tenant_id, "intercom", SECRET, datetime.now(UTC))
    body = json.dumps({"type": "notification_event", "data": {"item": {"id": "hush-conversation"}}}).encode()
    good = {"events": [{"event": "page_view", "visitorId": "hush-visitor"}]}

    assert (await beacon(system.user, key, good)).status == 202
    assert (await beacon(system.user, key, {"events": [{"event": "", "visitorId": "hush-visitor"}]})).status == 400
    assert (await beacon(system.user, key, good, origin="https://hush-origin.example")).status == 403
    assert (await beacon(system.user, f"{key}x", good)).status == 401
    assert (await beacon(system.user, f"{key}\r\n{key}", good)).status == 401
    assert (await notify(system.user, system.tenant_id, SECRET, body)).status == 202
    assert (await notify(system.user, system.tenant_id, SECRET, b"hush-conversation")).status == 400
    assert (await notify(system.user, "hush-tenant", SECRET, body)).status == 401
    await system.all_consumed()

    topic = system.topic(INTERCOM_EVENTS)
    assert len(await read_committed(system.topics.kafka_bootstrap, topic)) == 1

    async def logged() -> bool:
        lines = [line for line in system.api.log_lines() if line["event"] == "request"]
        return sum("/v1/track" in line["route"] or "webhooks" in line["route"] for line in lines) == 8

    await eventually(logged, 10, "the API logged every request")
    for process in system.processes:
        text = process.log_text()
        for secret in (key, key.split("_", 2)[2], SECRET, "hush-"):
            assert secret not in text, f"{process.process.name} logged {secret}"
