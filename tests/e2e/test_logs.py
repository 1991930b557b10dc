"""Logs lead from a request through all processes, and hold nothing personal and no secret."""

from typing import Any

import orjson

from schemas.topics import TRACKER_EVENTS
from tests.support.running_system import System
from tests.support.waiting import eventually

SECRETS = ["ada.lovelace", "Lovelace-Byron", "visitor-0f9c", "hush-hush", "secret-page", "<script>"]


async def busy(system: System) -> str:
    """Every path that could let something slip; the contact's id."""
    user, headers = system.user, {"X-Request-Id": "client-42"}
    body = {
        "email": "ada.lovelace@example.com",
        "properties": {"lastname": "Lovelace-Byron"},
        "visitor_id": "visitor-0f9c",
    }
    created = await user.post("/v1/contacts", body, headers=headers)
    assert (await user.post("/v1/contacts", body)).status == 409
    assert (await user.post("/v1/contacts", {"email": "ada.lovelace <script>"})).status == 400
    contact_id: str = created.body["contact"]["contact_id"]
    assert (await user.post(f"/v1/contacts/{contact_id}/notes", {"content": "hush-hush"})).status == 201
    for path in ("/v1/contacts/<script>", "/v1/secret-page?x=ada.lovelace", "/v1/contacts?search=ada.lovelace"):
        await user.get(path)
    await user.get("/v1/auth/status", headers={"Authorization": f"Bearer {user.api_key}x"})
    visit = {"event": "page_view", "visitorId": "visitor-0f9c", "url": "https://x.example/secret-page"}
    await system.send([visit], headers=[("x-request-id", b"visit-7")])
    async with system.producer() as producer:
        poison = orjson.dumps({"tenant_id": system.tenant_id, "email": "ada.lovelace@example.com"})
        await producer.send_and_wait(system.topic(TRACKER_EVENTS), poison, key=b"visitor-0f9c")
    await system.all_consumed()
    await system.outbox_empty()
    return contact_id


async def test_one_id_leads_through_everything_and_nothing_personal_does(system: System) -> None:
    contact_id = await busy(system)

    async def logged() -> bool:
        return any("visit-7" in str(line) for line in system.consumer.log_lines())

    await eventually(logged, 10, "the consumer logged its batch")
    for process in system.processes:
        text = process.log_text()
        assert process.log_lines()
        for secret in [*SECRETS, system.user.api_key, system.user.api_key.split("_", 2)[2]]:
            assert secret not in text, f"{process.process.name} logged {secret}"

    def lines(process: Any, text: str) -> list[dict[str, Any]]:
        return [line for line in process.log_lines() if text in str(line)]

    request = lines(system.api, "client-42")[0]
    assert (request["request_id"], request["route"], request["status"]) == ("client-42", "/v1/contacts", 201)
    assert lines(system.relay, "client-42")
    changes = [record for record in await system.changes() if record.key == contact_id.encode()]
    assert orjson.loads(changes[0].value)["requestid"] == "client-42"
    assert dict(changes[0].headers)["x-request-id"] == b"client-42"
    assert dict(changes[0].headers)["content-type"] == b"application/cloudevents+json; charset=UTF-8"
