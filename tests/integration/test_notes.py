"""Notes on a contact."""

import asyncio
from typing import Any

import pytest

from service.mongo.store import MongoStore
from tests.support.api import ApiUser


async def test_a_note_is_written_read_edited_and_removed(api: ApiUser) -> None:
    contact = await api.create_contact()
    path = f"/v1/contacts/{contact['contact_id']}/notes"
    content = "  # Called\r\n\n*keen* \0 <script>alert(1)</script> 👩‍💻\n"

    created = await api.post(path, {"content": content})

    assert created.status == 201
    note = created.body["note"]
    assert note["note_id"].startswith("nt_")
    assert (note["content"], note["contact_id"], note["created_by"]) == (content, contact["contact_id"], api.key_id)
    edited = await api.request("PATCH", f"{path}/{note['note_id']}", json={"content": "new"})
    assert edited.status == 200
    assert edited.body["note"] == {**note, "content": "new", "updated_at": edited.body["note"]["updated_at"]}
    assert (await api.get(path)).body == {"status": "success", "notes": [edited.body["note"]]}
    assert (await api.request("DELETE", f"{path}/{note['note_id']}")).body == {"status": "success"}
    assert (await api.get(path)).body["notes"] == []
    assert (await api.request("DELETE", f"{path}/{note['note_id']}")).code == "note_not_found"
    read = (await api.get(f"/v1/contacts/{contact['contact_id']}")).body
    assert read["contact"]["version"] == 1
    assert [event["event"] for event in read["events"]] == [
        "note_deleted",
        "note_updated",
        "note_created",
        "contact_created",
    ]
    assert all("content" not in event["data"] for event in read["events"])


async def test_notes_are_listed_newest_first_and_by_cursor(api: ApiUser) -> None:
    path = f"/v1/contacts/{(await api.create_contact())['contact_id']}/notes"
    for n in range(7):
        await api.post(path, {"content": f"note {n}"})

    everything = (await api.get(path)).body["notes"]
    stamps = [(note["created_at"], note["note_id"]) for note in everything]
    assert stamps == sorted(stamps, reverse=True)
    walked: list[Any] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        body = (await api.get(path, params=params)).body
        walked += body["notes"]
        if body["pagination"]["next_cursor"] is None:
            break
        params["cursor"] = body["pagination"]["next_cursor"]
    assert walked == everything


async def test_thirty_two_at_once_on_one_contact(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact())["contact_id"]
    path = f"/v1/contacts/{contact_id}/notes"

    replies = await asyncio.gather(*(api.post(path, {"content": f"note {n}"}) for n in range(32)))

    assert {reply.status for reply in replies} == {201}
    outbox = shared_store.database["outbox"]
    feed = await outbox.find({"contact_id": contact_id}).sort([("committed_at", 1), ("sequence", 1)]).to_list(None)
    assert [record["sequence"] for record in feed] == list(range(1, 34))


@pytest.mark.parametrize("content", ["", "   \n", None, 7, ["x"], "x" * 65_537, " " * 200_000])
async def test_bad_contents_are_refused(api: ApiUser, content: Any) -> None:
    path = f"/v1/contacts/{(await api.create_contact())['contact_id']}/notes"
    assert (await api.post(path, {"content": content})).code == "validation_failed"
    assert (await api.get(path)).body["notes"] == []


async def test_another_contacts_note_is_not_there(api: ApiUser) -> None:
    one, two = (await api.create_contact())["contact_id"], (await api.create_contact())["contact_id"]
    note = (await api.post(f"/v1/contacts/{one}/notes", {"content": "mine"})).body["note"]

    reply = await api.request("PATCH", f"/v1/contacts/{two}/notes/{note['note_id']}", json={"content": "yours"})
    assert (reply.status, reply.code) == (404, "note_not_found")
    assert (await api.request("DELETE", f"/v1/contacts/{two}/notes/{note['note_id']}")).status == 404
    assert (await api.post("/v1/contacts/ct_nobody/notes", {"content": "x"})).code == "contact_not_found"
