"""`pathbound profiles rebuild`: what it says, and that a killed run goes on where it was."""

import json
import subprocess

from deploy.bootstrap import build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.mongo.store import MongoStore
from tests.support.commands import begun, pathbound
from tests.support.waiting import eventually

CONTACTS = 400


def rebuild(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return pathbound("profiles", "rebuild", *arguments, **env)


async def many_wrong(store: MongoStore) -> None:
    """Contacts of which nothing is known, and whose profiles say otherwise."""
    one = await build_core(store).use_cases.create_contact(
        Caller("acme", "key_1", None), CreateContact(email="ada@example.com")
    )
    template = await store.database["contacts"].find_one({"_id": one.contact_id})
    assert template is not None
    ids = [f"ct_{number:04}" for number in range(CONTACTS - 1)]
    await store.database["contacts"].insert_many([{**template, "_id": contact_id} for contact_id in ids])
    await store.database["profiles"].insert_many(
        [{"_id": each, "tenant_id": "acme", "page_views": 77_777} for each in [*ids, one.contact_id]]
    )


async def wrong(store: MongoStore) -> int:
    return await store.database["profiles"].count_documents({"page_views": 77_777})


async def test_a_killed_rebuild_goes_on_and_tells_what_was_wrong(store: MongoStore, env: dict[str, str]) -> None:
    await many_wrong(store)
    dry = rebuild(env, "--tenant", "acme", "--dry-run", "--json")
    assert json.loads(dry.stdout) == {"looked_at": CONTACTS, "wrong": CONTACTS, "busy": 0, "dry_run": True}
    assert dry.returncode == 0
    assert await wrong(store) == CONTACTS
    assert (dry.stderr.count("profile_was_wrong"), dry.stderr.count("page_views")) == (CONTACTS, CONTACTS)
    assert "77777" not in dry.stderr

    quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with begun("profiles", "rebuild", env=env, **quietly) as killed:

        async def some_are_right() -> bool:
            return await wrong(store) < CONTACTS - 20

        await eventually(some_are_right, 60, "some profiles are right")
        killed.kill()
    left = await wrong(store)
    assert 0 < left < CONTACTS

    done = rebuild(env)
    assert done.returncode == 0
    assert "Going on behind" in done.stderr
    assert "--start-over" in done.stderr
    assert f"{CONTACTS} contacts looked at" in done.stdout
    assert await wrong(store) == 0
    # What was committed while the process died may have been counted too early.
    assert done.stderr.count("profile_was_wrong") in (left - 1, left)

    again = rebuild(env, "--json")
    assert json.loads(again.stdout) == {"looked_at": CONTACTS, "wrong": 0, "busy": 0, "dry_run": False}
    assert "Going on behind" not in again.stderr


def test_a_wrong_tenant_is_said_in_a_sentence(env: dict[str, str]) -> None:
    told = rebuild(env, "--tenant", "$x")
    assert told.returncode == 2
    assert "--tenant" in told.stderr
    assert "Traceback" not in told.stderr
