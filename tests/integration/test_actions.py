"""Actions: executed at once, and kept."""

from typing import Any

import pytest

from service.mongo.identities import MongoIdentities
from service.mongo.store import MongoStore
from tests.support.api import ApiUser


async def act(api: ApiUser, kind: str, **params: Any) -> Any:
    reply = await api.post("/v1/actions", {"type": kind, "params": params, "description": "why not"})
    assert reply.status == 201, reply
    assert reply.body["action_id"] == reply.body["action"]["action_id"]
    assert reply.body["action_summary"].startswith(kind)
    return reply.body["action"]


async def test_a_stage_is_changed_with_its_reason(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact(properties={"lifecyclestage": "lead"}))["contact_id"]

    action = await act(api, "update_lifecycle_stage", contact_id=contact_id, lifecycle_stage="customer", reason="paid")

    assert action["before"] == {"lifecyclestage": "lead"}
    assert action["after"] == {"lifecyclestage": "customer"}
    assert (action["reason"], action["description"], action["status"]) == ("paid", "why not", "completed")
    assert action["created_by"] == api.key_id
    read = (await api.get(f"/v1/contacts/{contact_id}")).body
    assert read["contact"]["properties"]["lifecyclestage"] == "customer"
    assert read["actions"] == [action]
    assert {event["event"] for event in read["events"]} == {
        "contact_created",
        "contact_updated",
        "lifecycle_stage_changed",
        "action_completed",
    }
    feed = await shared_store.database["outbox"].find({"contact_id": contact_id}).sort("sequence", 1).to_list(None)
    assert [record["sequence"] for record in feed] == [1, 2, 3, 4]
    assert (await api.get(f"/v1/actions/{action['action_id']}")).body["action"] == action


async def test_the_other_types(api: ApiUser) -> None:
    contact_id = (await api.create_contact())["contact_id"]

    updated = await act(api, "update_contact", contact_id=contact_id, properties={"city": "Rome"}, visitor_id="v")
    assert updated["after"] == {"city": "Rome"}
    note = await act(api, "create_note", contact_id=contact_id, content="hello")
    notes = (await api.get(f"/v1/contacts/{contact_id}/notes")).body["notes"]
    assert [one["note_id"] for one in notes] == [note["after"]["note_id"]]
    await act(api, "enrich_contact", contact_id=contact_id, provider="acme", properties={"company": "Acme"})
    contact = (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]
    assert (contact["enrichment_status"], contact["enriched_by"]) == ("enriched", "acme")
    assert contact["enriched_at"] == contact["updated_at"]
    assert (contact["properties"]["company"], contact["visitor_ids"]) == ("Acme", ["v"])
    # An action that changes nothing was executed all the same.
    await act(api, "update_contact", contact_id=contact_id, properties={"city": "Rome"})
    assert (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]["version"] == contact["version"]


async def test_actions_are_listed_by_filter_page_and_cursor(api: ApiUser) -> None:
    one, two = (await api.create_contact())["contact_id"], (await api.create_contact())["contact_id"]
    made = [await act(api, "create_note", contact_id=(one, two)[n % 2], content=f"{n}") for n in range(6)]
    made.append(await act(api, "update_contact", contact_id=one, properties={"a": 1}))

    async def ids(**params: Any) -> list[str]:
        body = (await api.get("/v1/actions", params=params)).body
        return [action["action_id"] for action in body["actions"]]

    newest = [action["action_id"] for action in sorted(made, key=lambda a: (a["created_at"], a["action_id"]))][::-1]
    assert await ids() == newest
    assert set(await ids(contact_id=two)) == {action["action_id"] for action in made[1:6:2]}
    assert await ids(type="update_contact") == [made[-1]["action_id"]]
    assert await ids(status="failed") == []
    assert await ids(page=2, limit=3) == newest[3:6]
    first = (await api.get("/v1/actions", params={"limit": 4})).body
    assert first["pagination"]["total_items"] == 7
    assert await ids(limit=4, cursor=first["pagination"]["next_cursor"]) == newest[4:]
    assert (await api.get("/v1/actions", params={"count_only": "true"})).body == {"status": "success", "count": 7}
    await api.request("DELETE", f"/v1/contacts/{two}")
    assert len(await ids(contact_id=two)) == 3, "actions outlive their contact"


@pytest.mark.parametrize(
    "body",
    [
        {"type": "launch_rocket", "params": {}},
        {"type": "update_lifecycle_stage", "params": {"contact_id": "ct_1", "lifecycle_stage": "boss"}},
        {"type": "update_lifecycle_stage", "params": {"lifecycle_stage": "lead"}},
        {"type": "create_note", "params": {"contact_id": "ct_1", "content": " "}},
        {"type": "create_note", "params": {"contact_id": "ct_1", "content": "x", "more": 1}},
        {"params": {}},
        {"type": "create_note"},
        [],
    ],
)
async def test_bad_actions_are_refused(api: ApiUser, body: Any) -> None:
    reply = await api.post("/v1/actions", body)
    assert (reply.status, reply.code) == (400, "validation_failed")


async def test_an_unknown_type_names_those_that_exist(api: ApiUser) -> None:
    reply = await api.post("/v1/actions", {"type": "launch_rocket", "params": {}})
    for kind in ("update_lifecycle_stage", "update_contact", "create_note", "enrich_contact"):
        assert kind in str(reply.body)
    assert "launch_rocket" not in str(reply.body)


async def test_a_refused_action_leaves_nothing(api: ApiUser) -> None:
    await api.create_contact("taken@example.com")
    contact_id = (await api.create_contact())["contact_id"]
    params = {"contact_id": contact_id, "properties": {"email": "taken@example.com"}}

    assert (await api.post("/v1/actions", {"type": "update_contact", "params": params})).code == "email_taken"
    unknown = {"type": "create_note", "params": {"contact_id": "ct_nobody", "content": "x"}}
    assert (await api.post("/v1/actions", unknown)).code == "contact_not_found"
    assert (await api.get("/v1/actions")).body["actions"] == []
    assert (await api.get("/v1/actions/act_nothing")).code == "action_not_found"


async def test_an_action_that_had_to_be_tried_again_is_answered_as_it_is_kept(
    api: ApiUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = (await api.create_contact())["contact_id"]
    associate = MongoIdentities.associate

    async def and_another_has_it_for_a_moment(registry: MongoIdentities, *given: Any) -> None:
        monkeypatch.undo()
        other = await api.create_contact(visitor_id="phone")
        try:
            await associate(registry, *given)
        finally:
            await api.request("DELETE", f"/v1/contacts/{other['contact_id']}")

    monkeypatch.setattr(MongoIdentities, "associate", and_another_has_it_for_a_moment)
    action = await act(api, "update_contact", contact_id=contact_id, visitor_id="phone")

    assert (await api.get("/v1/actions")).body["actions"] == [action]
