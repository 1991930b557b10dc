"""`pathbound trace`: what became of one input, and why, whatever it is known by."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.outcomes import Record
from consumers.runtime.work import handle_halving
from consumers.tracker.handler import TrackerHandler
from consumers.tracker.normalise import event_id_of_message
from deploy.bootstrap import Core, build_core
from deploy.cli.trace_text import redacted
from schemas.contacts import CreateContact
from schemas.topics import TRACKER_EVENTS
from service.contacts.context import Caller
from service.identity.model import Identity, IdentityKind
from service.mongo.store import MongoStore
from tests.support.commands import pathbound
from tests.support.events import MORNING
from tests.support.gmail import gmail_message, gmail_record
from tests.support.intercom import Chat, intercom_record
from tests.support.relay import read_committed

TENANT = "acme"


class Inputs:
    """Sends records, and handles them as a consumer does, but for the commit."""

    def __init__(self, core: Core, bootstrap: str, prefix: str) -> None:
        self.core = core
        self.bootstrap = bootstrap
        self.topic = f"{prefix}{TRACKER_EVENTS}"

    async def send(self, *values: bytes) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        for value in values:
            await producer.send_and_wait(self.topic, value, key=b"k", partition=0)
        await producer.stop()
        records = [Record(self.topic, 0, n, b"k", value, MORNING) for n, value in enumerate(values)]
        handler = TrackerHandler(self.core.ingest, timedelta(hours=1))
        invalid = await handle_halving(handler.handle, self.core.count_dead, records)
        dead_letters = DeadLetters(self.bootstrap, "pathbound.tracker", lambda: MORNING)
        await dead_letters.publish(invalid)
        await dead_letters.close()

    async def letters(self) -> list[Any]:
        return await read_committed(self.bootstrap, f"{self.topic}.dlq")


def sent(message_id: str, **fields: Any) -> bytes:
    """A tracker envelope that says something secret."""
    data = {"title": "SECRET"}
    return orjson.dumps({"tenant_id": TENANT, "event": "page_view", "message_id": message_id, "data": data, **fields})


@pytest.fixture
def inputs(store: MongoStore, kafka_bootstrap: str, topic_prefix: str, init_topics: list[str]) -> Inputs:
    return Inputs(build_core(store), kafka_bootstrap, topic_prefix)


async def trace(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """What the command finds. None of it is what a message said."""
    done = await asyncio.to_thread(lambda: pathbound("trace", *arguments, "--json", **env))
    assert done.returncode == 0, done.stderr
    assert "SECRET" not in done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_an_event_is_found_by_each_of_its_names_and_told_whose_it_is(inputs: Inputs, env: dict[str, str]) -> None:
    wanted = CreateContact.model_validate({"email": "ada@example.com", "visitor_id": ["known"]})
    contact = await inputs.core.use_cases.create_contact(Caller(TENANT, "key", None), wanted)
    await inputs.send(
        sent("m0", visitorId="known"),
        sent("m1", visitorId="stranger", external_contact_id="bob@example.com"),
        sent("m2", visitorId="undefined"),
    )
    (linked,) = await trace(env, "m0", "--tenant", TENANT)
    assert (linked["finding"], linked["contact_id"]) == ("event", contact.contact_id)
    assert f"in the timeline of contact {contact.contact_id}: visitor known is that contact's since" in linked["says"]
    assert await trace(env, linked["event_id"]) == [linked]
    record, event = await trace(env, f"{inputs.topic}:0:0")
    assert event == linked
    assert (record["tenant_id"], record["handled"], record["invalid"]) == (TENANT, False, None)

    (waiting,) = await trace(env, "m1", "--tenant", TENANT)
    assert "waits for a contact: nobody has external b...@example.com and visitor stranger." in waiting["says"]
    (junk,) = await trace(env, event_id_of_message(TENANT, "m2"), "--tenant", TENANT)
    assert "never linked: its visitor id names nobody, and was refused" in junk["says"]
    assert junk["refused"] == ["visitor_id_refused"]


async def test_what_was_put_aside_is_told_with_its_reason(
    inputs: Inputs, env: dict[str, str], store: MongoStore
) -> None:
    await inputs.send(sent("m0"), sent("m1", nobody_knows=1), b"poison")
    (letter,) = await trace(env, "m1", "--tenant", TENANT)
    assert (letter["finding"], letter["reason"]) == ("dead_letter", "nobody_knows: extra_forbidden")
    assert letter["original_position"] == f"{inputs.topic}:0:1"
    assert "It was not sent again." in letter["says"]
    assert await trace(env, event_id_of_message(TENANT, "m1")) == [letter]
    assert await trace(env, letter["position"]) == [letter]

    record, same = await trace(env, f"{TRACKER_EVENTS}:0:2")
    assert (record["tenant_id"], record["invalid"]) == (None, "not valid JSON")
    assert same["reason"] == "not valid JSON"
    done = await asyncio.to_thread(lambda: pathbound("dlq", "redrive", **env))
    assert "Sent 2" in done.stdout
    (letter,) = await trace(env, "m1", "--tenant", TENANT)
    assert letter["sent_to"].startswith(f"{inputs.topic}:0:")


async def test_a_message_is_found_by_its_id_and_its_conversation(
    inputs: Inputs, env: dict[str, str], store: MongoStore
) -> None:
    core = build_core(store)
    contact = await core.use_cases.create_contact(Caller(TENANT, "key", None), CreateContact(email="ada@example.com"))
    ada = contact.contact_id
    chat = Chat(conversation_id="77", first_id="p1", email="eve@example.com")
    records = [
        gmail_record(gmail_message("18c", labels=["TRASH"], subject="SECRET"), offset=0),
        gmail_record(gmail_message("18d", sender="Rep <rep@ours.example>", to="ada@example.com"), offset=1),
        gmail_record({"id": "18e"}, kind="deleted", offset=2),
    ]
    told = [normalise_gmail(record, timedelta(hours=1)) for record in records]
    told.append(normalise_intercom(intercom_record(chat.created()), timedelta(hours=1)))
    await core.ingest_conversations(told, [])

    (mail,) = await trace(env, "18c", "--tenant", TENANT)
    assert (mail["source"], mail["account"]) == ("gmail", "rep@ours.example")
    assert (mail["contacts"], mail["hidden"], mail["shown"]) == ([ada], "trash", False)
    assert await trace(env, "18c", "--tenant", TENANT, "--account", "rep@ours.example") == [mail]
    (mail,) = await trace(env, "18d", "--tenant", TENANT)
    assert (mail["contacts"], mail["hidden"], mail["shown"], mail["waiting"]) == ([ada], None, True, 0)
    (mail,) = await trace(env, "18e", "--tenant", TENANT)
    assert (mail["hidden"], mail["contacts"], mail["waiting"]) == ("deleted", [], 0)
    parts = await trace(env, "77", "--tenant", TENANT)
    assert [(one["message_id"], one["contacts"], one["waiting"], one["shown"]) for one in parts] == [
        ("p1", [], 1, False)
    ]
    assert await trace(env, "p1", "--tenant", TENANT, "--account", "77") == parts
    other = await asyncio.to_thread(lambda: pathbound("trace", "77", "--tenant", "other", **env))
    assert other.returncode == 1


async def test_what_nobody_sent_is_not_found(inputs: Inputs, env: dict[str, str]) -> None:
    await inputs.send(sent("m0"))
    for asked in (("m1", "--tenant", TENANT), ("m0", "--tenant", "other"), ("evt_0",), (f"{TRACKER_EVENTS}:1:5",)):
        done = await asyncio.to_thread(lambda asked=asked: pathbound("trace", *asked, **env))  # type: ignore[misc]
        assert (done.returncode, "Nothing is stored or put aside" in done.stderr) == (1, True)
    told = await asyncio.to_thread(lambda: pathbound("trace", "m0", "--tenant", TENANT, **env))
    assert told.stdout.startswith(f"Event {event_id_of_message(TENANT, 'm0')} (page_view, source tracker")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "wrong", [("m0",), ("contacts.changes:0:1",), ("m0", "--tenant", "$where"), ("m\x1b0", "--tenant", TENANT)]
)
def test_bad_input_is_told_in_a_sentence(env: dict[str, str], wrong: tuple[str, ...]) -> None:
    told = pathbound("trace", *wrong, **env)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert "\x1b" not in told.stderr


@pytest.mark.parametrize(
    ("value", "shown"), [("v-1", "visitor v-1"), ("grace@example.com", "visitor g...@example.com")]
)
def test_addresses_are_not_shown_whole(value: str, shown: str) -> None:
    assert redacted(Identity(TENANT, IdentityKind.VISITOR, value)) == shown
