"""Importing contacts: each row ends as the API would have ended it; only the way there is shorter."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.bootstrap import Core, build_core
from deploy.transfer.columns import Columns
from deploy.transfer.records import RecordFile
from deploy.transfer.rows import ContactFile
from service.contacts.context import Caller
from service.errors import ImportMovedError
from service.imports.model import ImportKey, ImportProgress, RowFault
from service.mongo.identities import MongoIdentities
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, serve
from tests.support.commands import pathbound
from tests.support.events import page_view, visitor

ROWS: list[dict[str, Any]] = [
    {"email": "Ada@Example.com", "properties": {"firstname": "Ada", "size": 38}, "visitor_id": ["v-1"]},
    {"email": "bob@example.com", "properties": {"lifecyclestage": "lead"}, "company_id": "co_1"},
    {"email": "ada@example.com", "properties": {"size": None, "city": "Oslo"}, "visitor_id": ["v-1", "v-2"]},
    {"email": "bob@example.com", "properties": {"lifecyclestage": "customer"}},
    {"email": "bob@example.com", "properties": {"lifecyclestage": "customer"}},
    {"email": "carl@example.com", "visitor_id": ["v-2"]},
    {"email": "dora@example.com", "properties": {"nothing": None, "list": [1, {"a": None}]}},
]
"""Of the sixth the visitor id is another's; the fifth changes nothing."""


def file_of(directory: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = directory / "contacts.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def contacts_in(path: Path) -> ContactFile:
    return ContactFile(RecordFile(path, is_csv=path.suffix == ".csv"), Columns({}))


async def imported(core: Core, tenant: str, path: Path) -> list[ImportProgress]:
    """The progress after each batch."""
    contacts, told = contacts_in(path), list[ImportProgress]()
    key, caller = ImportKey(tenant, contacts.digest()), Caller(tenant, None, None)
    assert await core.import_contacts(key, caller, contacts.rows, told.append, asyncio.Event())
    return told


async def posted(user: ApiUser, rows: Sequence[dict[str, Any]]) -> None:
    """The same through the API: created, or changed where the address is taken."""
    for row in rows:
        reply = await user.post("/v1/contacts", row)
        if reply.code == "email_taken" if reply.status == 409 else False:
            body = {name: value for name, value in row.items() if name != "email"}
            reply = await user.request("PUT", f"/v1/contacts/{reply.body['contact_id']}", json=body)
        assert reply.status in (200, 201) or reply.code == "visitor_id_taken"


async def state(store: MongoStore, tenant: str) -> dict[str, Any]:
    """All that there is of a tenant's contacts, by address; without what no two runs have in common."""
    found: dict[str, Any] = {}
    async for contact in store.database["contacts"].find({"tenant_id": tenant}):
        owner = {"tenant_id": tenant, "contact_id": contact["_id"]}
        records = await store.database["outbox"].find(owner).sort("sequence", 1).to_list(None)
        events = await store.database["events"].find(owner).to_list(None)
        identities = await store.database["identities"].find({"contact_id": contact["_id"]}).to_list(None)
        profile = await store.profiles.get(tenant, contact["_id"])
        values = [orjson.loads(record["value"]) for record in records]
        names = {contact["_id"]: "CONTACT", tenant: "TENANT", **{one["_id"]: "EVENT" for one in records}}
        found[contact["email"]] = _named(
            {
                "contact": _timeless(contact),
                "records": [[one["sequence"], _timeless(value)] for one, value in zip(records, values, strict=True)],
                "headers": [[name for name, _ in one["headers"] if name != "x-request-id"] for one in records],
                "events": sorted(json.dumps([one["event"], _timeless(one["data"])], sort_keys=True) for one in events),
                "identities": sorted(str(one["_id"]) for one in identities),
                "profile": profile and (profile.page_views, profile.sessions, profile.sources),
                "told": sorted(e["_id"] for e in events if e["source"] == "crm") == sorted(r["_id"] for r in records),
            },
            names,
        )
    return found


_DIFFERENT = ("created_at", "updated_at", "committed_at", "first_seen_at", "time", "traceparent", "requestid", "actor")
"""What no two runs have in common."""


def _timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name not in _DIFFERENT}
    return value


def _named(found: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(found, default=str).replace("import", "api")
    for name, instead in names.items():
        text = text.replace(name, instead)
    result: dict[str, Any] = json.loads(text)
    return result


@pytest.fixture
def core(store: MongoStore) -> Core:
    return build_core(store)


async def test_an_import_does_what_the_api_would_have_done(
    core: Core, store: MongoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In small batches too: who comes again further down comes in another transaction.
    for tenant, rows_at_once in (("whole", 250), ("by-two", 2)):
        monkeypatch.setattr("service.imports.run.BATCH_ROWS", rows_at_once)
        await core.ingest([page_view(tenant, visitor(tenant, "v-2"), event_id=f"evt_{tenant}")])
        progress = (await imported(core, tenant, file_of(tmp_path, ROWS)))[-1]
        counts = (progress.created, progress.updated, progress.unchanged, progress.refused)
        assert (progress.rows, counts) == (len(ROWS), (3, 2, 1, 1))
    # No other process is left with a million link tasks to look at.
    assert await store.database["identities"].count_documents({"link_task": {"$exists": True}}) == 0
    async with serve(core) as url:
        user = await ApiUser.create(url, core)
        await core.ingest([page_view(user.tenant_id, visitor(user.tenant_id, "v-2"), event_id="evt_api")])
        await posted(user, ROWS)
        by_api = await state(store, user.tenant_id)
        await user.close()

    for tenant in ("whole", "by-two"):
        found = await state(store, tenant)
        assert found.keys() == {"ada@example.com", "bob@example.com", "dora@example.com"}
        assert found == by_api
        # The visit from before is in the timeline, and in the figures.
        assert found["ada@example.com"]["profile"] == [1, 0, ["tracker"]]


async def test_the_same_again_changes_and_tells_nothing(core: Core, store: MongoStore, tmp_path: Path) -> None:
    path = file_of(tmp_path, [ROWS[0], ROWS[1], ROWS[6]])
    await imported(core, "t", path)
    before = [await store.database[name].find().sort("_id", 1).to_list(None) for name in ("contacts", "outbox")]
    await core.import_contacts.start_over(ImportKey("t", contacts_in(path).digest()))
    (progress,) = await imported(core, "t", path)
    assert (progress.unchanged, progress.rows) == (3, 3)
    assert before == [await store.database[name].find().sort("_id", 1).to_list(None) for name in ("contacts", "outbox")]


async def test_what_is_refused_is_said_by_line_and_keeps_nobody_back(
    core: Core, store: MongoStore, tmp_path: Path
) -> None:
    huge = {f"k{number}": "x" * 60_000 for number in range(5)}
    rows: list[dict[str, Any]] = [
        {"email": "first@example.com", "visitor_id": [f"v-{number}" for number in range(100)]},
        {"email": "huge@example.com", "properties": huge},
        {"email": "first@example.com", "visitor_id": ["v-100"]},
        {"email": "second@example.com", "visitor_id": "v-7"},
        {"email": "nobody"},
        {"email": "last@example.com"},
    ]
    (progress,) = await imported(core, "t", file_of(tmp_path, rows))
    assert (progress.created, progress.refused) == (2, 4)
    told = {fault.line: fault.reasons[0] for fault in progress.faults}
    assert "larger than allowed" in told[2]
    assert "more than 100 visitor ids" in told[3]
    assert "Another contact has this visitor id" in told[4]
    assert told[5].startswith("email: must be an e-mail address")
    stored = await store.database["contacts"].find({}, {"email": 1}).to_list(None)
    assert {one["email"] for one in stored} == {"first@example.com", "last@example.com"}


async def test_contacts_that_others_change_meanwhile_lose_nothing(
    core: Core, store: MongoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API creates and changes the very contacts that are imported; each has one number for each of its changes."""
    monkeypatch.setattr("service.imports.run.BATCH_ROWS", 20)
    emails = [f"c{number}@example.com" for number in range(60)]
    path = file_of(tmp_path, [{"email": email, "properties": {"imported": True}} for email in emails])
    async with serve(core) as url:
        user = await ApiUser.create(url, core, "t")

        async def post(email: str) -> None:
            await posted(user, [{"email": email, "properties": {"posted": True}}])

        await asyncio.gather(imported(core, "t", path), *(post(email) for email in reversed(emails)))
        await user.close()
    contacts = await store.database["contacts"].find({"tenant_id": "t"}).to_list(None)
    assert sorted(contact["email"] for contact in contacts) == sorted(emails)
    for contact in contacts:
        assert contact["properties"] == {"imported": True, "posted": True}
        told = await store.database["outbox"].find({"contact_id": contact["_id"]}).sort("sequence", 1).to_list(None)
        assert [record["sequence"] for record in told] == list(range(1, contact["sequence"] + 1))
        assert contact["sequence"] == 2


async def test_two_processes_do_not_import_the_same_file_at_once(core: Core, store: MongoStore, tmp_path: Path) -> None:
    path = file_of(tmp_path, [{"email": f"c{number}@example.com"} for number in range(900)])
    results = await asyncio.gather(*(imported(core, "t", path) for _ in range(2)), return_exceptions=True)
    # Both may come through where one was through before the other began: never do both do the same rows.
    assert all(isinstance(result, ImportMovedError | list) for result in results), results
    assert any(isinstance(result, list) for result in results)
    assert await store.database["contacts"].count_documents({"tenant_id": "t", "sequence": 1}) == 900
    assert await store.database["outbox"].count_documents({}) == 900


async def test_how_far_it_is_moves_only_from_where_it_was(store: MongoStore) -> None:
    key, first = ImportKey("t", "digest"), ImportProgress(rows=5, refused=1, faults=(RowFault(3, ("a", "b")),))
    await store.imports.advance(key, 0, first)
    assert await store.imports.load(key) == first
    for behind in (0, 4):
        with pytest.raises(ImportMovedError):
            await store.imports.advance(key, behind, replace(first, rows=9))
    await store.imports.advance(key, 5, replace(first, rows=9))
    assert await store.imports.load(ImportKey("other", "digest")) is None
    await store.imports.forget(key)
    assert await store.imports.load(key) is None


async def test_the_command_says_what_became_of_the_rows(store: MongoStore, env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(
        'E-Mail,First Name,Note\nada@example.com,Ada,"two\nlines"\nhunter2,Bob,\nada@example.com,,"two\nlines"\n'
    )
    arguments = ("import", str(path), "--tenant", "acme", "--map", "Note=")
    dry = await asyncio.to_thread(pathbound, *arguments, "--dry-run", "--json", **env)
    assert json.loads(dry.stdout)["dry_run"]
    assert dry.returncode == 3
    assert await store.database["contacts"].count_documents({}) == 0

    done = await asyncio.to_thread(pathbound, *arguments, **env)
    assert done.returncode == 3, done
    assert "3 rows: 1 created, 0 updated, 1 unchanged, 1 refused." in done.stdout
    assert "E-Mail → email" in done.stderr
    assert "Note left out" in done.stderr
    faults = [json.loads(line) for line in (tmp_path / "contacts.csv.errors.jsonl").read_text().splitlines()]
    assert [fault["line"] for fault in faults] == [4]
    assert "hunter2" not in str(faults) + done.stdout + done.stderr

    again = await asyncio.to_thread(pathbound, *arguments, **env)
    assert "imported already" in again.stderr
    assert again.stdout == done.stdout
    assert await store.database["outbox"].count_documents({}) == 1

    path.write_text('E-Mail\nada@example.com\n"hunter2\n')
    bad = await asyncio.to_thread(pathbound, *arguments[:4], **env)
    assert bad.returncode == 1
    assert "The quoting breaks in the row that begins in line 3" in bad.stderr
    assert "Nothing was imported." in bad.stderr
    assert "hunter2" not in bad.stderr
    assert "Traceback" not in bad.stderr + again.stderr + done.stderr + dry.stderr


async def test_a_preview_beside_a_deletion_is_of_one_moment(
    api: ApiUser, shared_store: MongoStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = (await api.create_contact("ada@example.com"))["contact_id"]
    owners = MongoIdentities.owners

    async def and_then_the_contact_goes(registry: MongoIdentities, identities: Any) -> Any:
        found = await owners(registry, identities)
        monkeypatch.undo()
        assert (await api.request("DELETE", f"/v1/contacts/{contact_id}")).status == 200
        return found

    monkeypatch.setattr(MongoIdentities, "owners", and_then_the_contact_goes)
    rows = contacts_in(file_of(tmp_path, [{"email": "ada@example.com", "properties": {"city": "Rome"}}]))
    told: list[ImportProgress] = []
    caller = Caller(api.tenant_id, None, None)
    assert await build_core(shared_store).import_contacts.preview(caller, rows.rows, told.append, asyncio.Event())
    assert (told[-1].rows, told[-1].updated) == (1, 1)
