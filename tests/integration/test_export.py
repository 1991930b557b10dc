"""Exports: what the API shows, all of it and nobody else's, in an order that goes on; and back through an import."""

import asyncio
import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from deploy.bootstrap import Core, build_core
from deploy.transfer.columns import Columns
from deploy.transfer.export import written_whole
from deploy.transfer.records import RecordFile
from deploy.transfer.rows import ContactFile
from service.contacts.context import Caller
from service.export.walk import Place
from service.imports.model import ImportKey, ImportProgress
from service.mongo.contact_list import oldest_of
from service.mongo.event_lists import page_of
from service.mongo.store import MongoStore
from service.timeline.query import EventFilter, EventOrder, EventPageQuery
from tests.support.api import ApiUser
from tests.support.commands import in_bash, pathbound
from tests.support.events import MORNING, page_view, visitor
from tests.support.plans import examined, explain_aggregate, explain_find, stages_of

BODIES: list[dict[str, Any]] = [
    {"email": "=cmd@example.com", "properties": {"firstname": "=1+1", "n": 1.5, "deep": {"a": [None, "x\ny"]}}},
    {"email": "bob@example.com", "properties": {"phone": "+49 1", "city": ""}, "visitor_id": ["v-1", '"v,2"']},
    {"email": "čapek@example.com", "properties": {"lastname": "'=Č", "properties": {}}, "company_id": "co_1"},
]


@pytest.fixture
def core(store: MongoStore) -> Core:
    return build_core(store)


@pytest.fixture
async def user(own_api: ApiUser, core: Core) -> ApiUser:
    """Whose tenant has something; and so has another."""
    for body in BODIES:
        reply = await own_api.post("/v1/contacts", body)
        assert reply.status == 201, reply
    for tenant in (own_api.tenant_id, "other"):
        who = [visitor(tenant, "v-1"), visitor(tenant, "nobody-known")]
        events = [page_view(tenant, who[n % 2], event_id=f"evt_{tenant}_{n}", minute=n) for n in range(30)]
        await core.ingest(events)
    return own_api


def names_in(directory: Path) -> list[str]:
    return [one.name for one in directory.iterdir()]


async def export(env: dict[str, str], *arguments: str, **more: Any) -> Any:
    done = await asyncio.to_thread(pathbound, "export", *arguments, **env, **more)
    assert done.returncode == 0, done
    return done


async def test_contacts_are_as_the_api_shows_them_and_come_back_the_same(
    user: ApiUser, core: Core, env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text("from before")
    done = await export(env, "contacts", "--tenant", user.tenant_id)
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    listed = (await user.get("/v1/contacts", params={"sort_dir": "asc"})).body["contacts"]
    assert shown == listed
    assert len(shown) == len(BODIES)
    assert shown[1]["last_activity_at"]

    await export(env, "contacts", "--tenant", user.tenant_id, "--format", "csv", "--output", str(path))
    assert names_in(tmp_path) == ["contacts.csv"]
    contacts, told = ContactFile(RecordFile(path, is_csv=True), Columns({})), list[ImportProgress]()
    for tenant, fate in (("twin", "created"), (user.tenant_id, "unchanged")):
        key, caller = ImportKey(tenant, contacts.digest()), Caller(tenant, None, None)
        assert await core.import_contacts(key, caller, contacts.rows, told.append, asyncio.Event())
        assert getattr(told[-1], fate) == len(BODIES)
    [twins] = [portion async for portion in core.export.contacts("twin", None)]
    [originals] = [portion async for portion in core.export.contacts(user.tenant_id, None)]

    def same(portion: Any) -> list[Any]:
        ordered = sorted(portion, key=lambda one: str(one[0].email))
        return [(one.email, one.properties, one.visitor_ids, one.company_ids) for one, _ in ordered]

    assert same(twins) == same(originals)


async def test_events_are_as_the_api_shows_them_and_go_on_behind_a_place(
    user: ApiUser, core: Core, env: dict[str, str]
) -> None:
    done = await export(env, "events", "--tenant", user.tenant_id)
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(shown) == 33
    listed = (await user.get("/v1/events", params={"limit": "100"})).body["events"]
    assert {one["event_id"]: one for one in shown} == {one["event_id"]: one for one in listed}
    last = shown[20]
    rest = await export(
        env,
        *("events", "--tenant", user.tenant_id, "--format", "csv"),
        *("--after", f"{last['received_at']}/{last['event_id']}"),
    )
    rows = list(csv.reader(io.StringIO(rest.stdout)))
    assert [row[0] for row in rows] == [one["event_id"] for one in shown[21:]]


@pytest.mark.parametrize("size", [1, 2])
async def test_portions_meet_without_a_gap_where_moments_are_shared(
    user: ApiUser, core: Core, store: MongoStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("service.export.walk.CONTACTS", size)
    monkeypatch.setattr("service.export.walk.EVENTS", size)
    tenant = user.tenant_id
    await store.database["contacts"].update_many({"tenant_id": tenant}, {"$set": {"created_at": MORNING}})
    contacts = [one.contact_id async for portion in core.export.contacts(tenant, None) for one, _ in portion]
    events = [one.event_id async for portion in core.export.events(tenant, None) for one in portion]
    assert (len(set(contacts)), len(contacts)) == (3, 3)
    assert (len(set(events)), len(events)) == (33, 33)
    behind = Place(MORNING, contacts[0])
    assert [one.contact_id async for part in core.export.contacts(tenant, behind) for one, _ in part] == contacts[1:]


async def test_a_portion_is_read_from_an_index_in_its_order(user: ApiUser, store: MongoStore) -> None:
    tenant, behind = user.tenant_id, (MORNING, "a")
    query = EventPageQuery(EventFilter(tenant), 10, EventOrder.RECEIVED_AT, newest_first=False, behind=behind)
    contacts = await explain_find(store, "contacts", *oldest_of(tenant, behind), limit=10)
    events = await explain_aggregate(store, "events", page_of(query))
    for name, plan in {"contacts": contacts, "events": events}.items():
        assert not stages_of(plan) & {"SORT", "COLLSCAN"}, name
        assert max(examined(plan)) <= 12, name


async def test_what_cannot_be_written_is_said_and_leaves_what_was_there(
    user: ApiUser, env: dict[str, str], tmp_path: Path
) -> None:
    nowhere = await asyncio.to_thread(
        pathbound, "export", "contacts", "--tenant", user.tenant_id, "--output", str(tmp_path / "no" / "x"), **env
    )
    assert nowhere.returncode == 1
    assert "cannot be written: No such file or directory." in nowhere.stderr
    special = tmp_path / "pipe"
    os.mkfifo(special)
    refused = await asyncio.to_thread(
        pathbound, "export", "contacts", "--tenant", user.tenant_id, "--output", str(special), **env
    )
    assert refused.returncode == 2
    assert "is no ordinary file, and would be replaced by one: use > in place of --output." in refused.stderr
    assert special.is_fifo()
    special.unlink()
    path = tmp_path / "contacts.jsonl"
    path.write_text("from before")
    away = await asyncio.to_thread(
        pathbound,
        *("export", "contacts", "--tenant", user.tenant_id, "--output", str(path)),
        **env | {"PATHBOUND_MONGO_URL": "mongodb://127.0.0.1:1/?replicaSet=rs0", "PATHBOUND_MONGO_TIMEOUT_MS": "200"},
    )
    assert away.returncode == 1
    assert "MongoDB cannot be used" in away.stderr
    assert names_in(tmp_path) == ["contacts.jsonl"]
    assert path.read_text() == "from before"


async def test_a_full_disk_behind_standard_output_is_said_in_a_sentence(user: ApiUser, env: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        line = f"ulimit -f 0; exec PATHBOUND export contacts --tenant {user.tenant_id} > {directory}/out"
        full = in_bash(line, env)
    assert full.returncode == 1
    assert full.stderr.splitlines() == ["Error: Standard output cannot be written: File too large."]


async def test_without_a_reader_it_ends_without_a_traceback(user: ApiUser, env: dict[str, str]) -> None:
    unread = in_bash(f"set -o pipefail; PATHBOUND export contacts --tenant {user.tenant_id} | true", env)
    assert (unread.returncode, unread.stderr) == (1, "")


def test_what_a_killed_export_left_is_removed_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out[1].jsonl"
    (tmp_path / ".out[1].jsonl.abcd_123.part").write_text("of a killed one")
    others = [".out[1].jsonl.part", ".out1.jsonl.abcd_123.part"]
    for name in others:
        (tmp_path / name).touch()
    with written_whole(path) as slow:
        with written_whole(path) as quick:
            quick.write(b"quick")
        assert path.read_text() == "quick"
        slow.write(b"slow")
    assert path.read_text() == "slow"
    assert set(names_in(tmp_path)) == {*others, path.name}
