"""`pathbound erase`: what it says, and that a killed run shows nobody again, and is gone on with."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import click
import pytest

from deploy.bootstrap import Core, build_core
from deploy.cli.erase import begin_or_go_on
from service.identity.model import Identity, IdentityKind
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, serve
from tests.support.commands import begun, pathbound
from tests.support.erasure import EMAIL, SECRET, TRACES, VISITOR, Sources, guard, live, traces_in
from tests.support.events import page_view, visitor
from tests.support.waiting import eventually

VISITS, MAILS = 10_000, 60


@pytest.fixture
def core(store: MongoStore) -> Core:
    return build_core(store, guard=guard())


@pytest.fixture
async def user(core: Core) -> AsyncIterator[ApiUser]:
    async with serve(core) as url:
        user = await ApiUser.create(url, core, "acme")
        yield user
        await user.close()


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PATHBOUND_ERASURE_SECRET": SECRET}


def erase(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return pathbound("erase", "--tenant", "acme", "--email", EMAIL, *arguments, **env)


async def busy_life(core: Core, user: ApiUser, sources: Sources) -> str:
    """More than one batch of everything."""
    contact_id = await live(user, sources)
    who = visitor("acme", VISITOR)
    for start in range(0, VISITS, 500):
        await core.ingest([page_view("acme", who, minute=n, data={"mail": EMAIL}) for n in range(start, start + 500)])
    for number in range(MAILS):
        await sources.mail(f"x{number}", sender=EMAIL, thread_id=f"tx{number % 3}")
    return contact_id


async def test_a_killed_erasure_shows_nobody_again_and_is_gone_on_with(
    core: Core, user: ApiUser, store: MongoStore, env: dict[str, str]
) -> None:
    sources = Sources(core, "acme")
    contact_id = await busy_life(core, user, sources)
    dry = json.loads(erase(env, "--dry-run", "--json").stdout)
    assert dry["events"] > VISITS
    assert dry["messages"] > MAILS
    assert (await user.get(f"/v1/contacts/{contact_id}")).status == 200
    quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with begun("erase", "--tenant", "acme", "--email", EMAIL, env=env, **quietly) as killed:

        async def some_are_gone() -> bool:
            return await store.database["events"].count_documents({"contact_id": contact_id}) < VISITS

        await eventually(some_are_gone, 90, "some events are gone")
        killed.send_signal(signal.SIGKILL)
    assert await traces_in(store, [EMAIL])

    await shows_nothing(user, contact_id)
    await sources.again()
    await shows_nothing(user, contact_id)
    # Its claim lapses within a minute of the server's clock: as if that had passed.
    await store.database["erasures"].update_many({}, {"$unset": {"claimed_at": "", "run": ""}})

    done = erase(env)
    assert done.returncode == 0, done.stderr
    assert "Going on with an erasure that was cut off." in done.stderr
    assert "erasure.md" in done.stderr
    assert "events" in done.stdout
    assert EMAIL not in done.stdout + done.stderr
    assert await traces_in(store) == []
    await sources.again()
    assert await traces_in(store) == []

    again = erase(env)
    assert again.returncode == 1
    assert "was erased on" in again.stderr


async def shows_nothing(user: ApiUser, contact_id: str) -> None:
    assert (await user.get(f"/v1/contacts/{contact_id}")).code == "contact_not_found"
    for path in ("/v1/contacts", "/v1/events", f"/v1/events?contact_id={contact_id}", "/v1/actions"):
        shown: Any = (await user.get(path)).body
        assert not [trace for trace in TRACES if trace.lower() in json.dumps(shown).lower()], path


async def test_an_unknown_address_is_said_in_a_sentence_and_can_be_kept_out(
    core: Core, user: ApiUser, store: MongoStore, env: dict[str, str]
) -> None:
    sources = Sources(core, "acme")
    await sources.mail("g1", sender=EMAIL)
    unknown = erase(env)
    assert unknown.returncode == 1
    assert "No contact of acme has this address." in unknown.stderr
    assert "--without-contact" in unknown.stderr
    assert await traces_in(store, [EMAIL])

    assert erase(env, "--without-contact", "--visitor-id", VISITOR).returncode == 0
    assert await traces_in(store) == []
    await sources.again()
    await sources.visit()
    assert await traces_in(store) == []
    other = pathbound("erase", "--tenant", "acme", "--email", EMAIL, **env | {"PATHBOUND_ERASURE_SECRET": "x" * 32})
    assert other.returncode == 1
    assert "PATHBOUND_ERASURE_SECRET" in other.stderr
    assert "Traceback" not in other.stderr


async def test_what_is_named_beside_a_contact_goes_too(
    core: Core, user: ApiUser, store: MongoStore, env: dict[str, str]
) -> None:
    """Whoever looked for an address in vain names what else there is; meanwhile somebody made a contact of it."""
    sources = Sources(core, "acme")
    await sources.visit()
    await user.create_contact(EMAIL)
    arguments = ("--without-contact", "--visitor-id", VISITOR, "--json")
    told = [json.loads(erase(env, *arguments, *more).stdout) for more in (["--dry-run"], [])]
    assert [one["events"] for one in told] == [2, 2]
    assert await traces_in(store) == []
    await sources.again()
    assert await traces_in(store) == []


async def test_what_is_named_when_an_erasure_is_gone_on_with_goes_too(
    core: Core, store: MongoStore, env: dict[str, str]
) -> None:
    await Sources(core, "acme").visit()
    await core.begin_erasure.of_identities("acme", [Identity("acme", IdentityKind.EMAIL, EMAIL)])
    gone_on = erase(env, "--without-contact", "--visitor-id", VISITOR)
    assert (gone_on.returncode, "cut off" in gone_on.stderr) == (0, True), gone_on.stderr
    assert await traces_in(store) == []


async def test_two_at_once_are_one_erasure(core: Core, user: ApiUser) -> None:
    """Both have found the contact; the later one finds it erased, and goes on with that."""
    await user.create_contact(EMAIL)
    identity = Identity("acme", IdentityKind.EMAIL, EMAIL)
    owner = (await core.store.identities.owners([identity]))[identity]
    first = await begin_or_go_on(core, identity, owner, None)
    assert (await begin_or_go_on(core, identity, owner, None)).erasure_id == first.erasure_id
    await core.erase("acme", first.erasure_id)
    with pytest.raises(click.ClickException, match="was erased on"):
        await begin_or_go_on(core, identity, owner, None)


async def test_one_that_waits_for_another_ends_when_it_is_asked_to(
    core: Core, user: ApiUser, store: MongoStore, env: dict[str, str]
) -> None:
    await Sources(core, "acme").mail("g1", sender=EMAIL)
    held = await core.begin_erasure.of_identities("acme", [Identity("acme", IdentityKind.EMAIL, EMAIL)])
    assert await store.erasures.claim("acme", held.erasure_id, "another")
    heard = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with begun("erase", "--tenant", "acme", "--email", EMAIL, env=env, **heard) as waiting:
        assert waiting.stderr is not None
        said = ""
        while "waiting for that" not in said:
            said = await asyncio.to_thread(waiting.stderr.readline)
            assert said, "it has ended"
        waiting.send_signal(signal.SIGINT)
        try:
            assert await asyncio.to_thread(waiting.wait, 10) == 1
        finally:
            waiting.kill()
        assert "The same command goes on from here." in waiting.stderr.read()
