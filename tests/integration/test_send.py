"""`pathbound send gmail|intercom`: a provider's JSON on the right topic, in our envelope, under the right key."""

import asyncio
import json
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from deploy.cli.main import pathbound
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS
from tests.support.commands import pathbound as run_pathbound
from tests.support.gmail import MAILBOX, gmail_message
from tests.support.intercom import BEGAN, Chat, notification
from tests.support.relay import read_committed

CHAT = Chat()
CONTACT_NOTIFICATION = CHAT.contact_created()


class Shop:
    """Where to send to."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix

    async def send(self, source: str, text: str, *options: str) -> str:
        """What the command says; the JSON comes from standard input."""
        where = ["--kafka-bootstrap", self._bootstrap, "--topic-prefix", self._prefix, "--tenant", "acme"]
        done = await asyncio.to_thread(run_pathbound, "send", source, *where, *options, "-", typed=text)
        done.check_returncode()
        return done.stdout

    async def records(self, topic: str) -> list[tuple[bytes, dict[str, Any]]]:
        found = await read_committed(self._bootstrap, f"{self._prefix}{topic}")
        return [(record.key, orjson.loads(record.value)) for record in found]


@pytest.fixture
def shop(kafka_bootstrap: str, topic_prefix: str, init_topics: list[str]) -> Shop:
    return Shop(kafka_bootstrap, topic_prefix)


async def test_mail_is_sent(shop: Shop) -> None:
    mail, labels = gmail_message(), {"id": "m1", "labelIds": ["TRASH"], "historyId": "101"}
    said = await shop.send("gmail", json.dumps(mail), "--mailbox", "Rep@ours.example")
    assert said.startswith("Sent message of mailbox Rep@ours.example to ")
    await shop.send("gmail", json.dumps(labels), "--mailbox", MAILBOX, "--kind", "labels")

    around = {"tenant_id": "acme"}
    assert await shop.records(GMAIL_MESSAGES) == [
        (MAILBOX.encode(), around | {"mailbox": "Rep@ours.example", "kind": "message", "message": mail}),
        (MAILBOX.encode(), around | {"mailbox": MAILBOX, "kind": "labels", "message": labels}),
    ]


@pytest.mark.parametrize(
    ("kind", "payload", "key"),
    [
        ("notification", CHAT.created(), b"9001"),
        ("notification", CHAT.deleted(BEGAN), b"9001"),
        ("notification", CONTACT_NOTIFICATION, CHAT.contact_id.encode()),
        ("conversation", CHAT.rest([]), b"9001"),
    ],
    ids=["conversation told", "conversation deleted", "contact told", "REST"],
)
async def test_a_conversation_is_sent(shop: Shop, kind: str, payload: dict[str, Any], key: bytes) -> None:
    assert (await shop.send("intercom", json.dumps(payload))).startswith(f"Sent {kind} to ")
    assert await shop.records(INTERCOM_EVENTS) == [(key, {"tenant_id": "acme", kind: payload})]


BAD: list[tuple[list[str], str, str]] = [
    (["gmail", "--mailbox", MAILBOX], "{", "FILE is not valid JSON (line 1, column 2)."),
    (["gmail", "--mailbox", MAILBOX], "", "FILE is not valid JSON (line 1, column 1)."),
    (["gmail", "--mailbox", MAILBOX], "[]", "FILE must hold one JSON object."),
    (["gmail", "--mailbox", " "], json.dumps(gmail_message()), "The consumer would refuse it: mailbox"),
    (["gmail", "--mailbox", MAILBOX], '{"threadId": "t"}', "The consumer would refuse it: "),
    (["gmail"], json.dumps(gmail_message()), "Missing option '--mailbox'."),
    (["gmail", "--mailbox", MAILBOX, "--kind", "draft"], "{}", "Invalid value for '--kind'"),
    (["intercom"], "not json", "FILE is not valid JSON"),
    (["intercom"], '{"tenant_id": "acme"}', "The consumer would refuse it: conversation: no id."),
    (["intercom"], json.dumps(notification("x", {"type": "conversation"})), "conversation: no id."),
    (["intercom"], json.dumps(CHAT.user_replied(1, BEGAN, "x" * 16 * 2**20)), "would be larger than 16777216 bytes"),
]


@pytest.mark.parametrize(("arguments", "text", "told"), BAD, ids=[f"{n}-{case[0][0]}" for n, case in enumerate(BAD)])
def test_bad_input_is_refused_before_it_is_sent(arguments: list[str], text: str, told: str) -> None:
    """Nobody listens on port 1: were anything sent, the answer would be another."""
    where = ["--kafka-bootstrap", "127.0.0.1:1", "--tenant", "acme"]
    result = CliRunner().invoke(pathbound, ["send", *arguments, *where, "-"], input=text)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


@pytest.mark.parametrize(("wrong", "told"), [(["--tenant", "no tenant"], "tenant_id"), (["--event", ""], "event")])
def test_a_visit_that_would_be_a_dead_letter_is_refused_before_it_is_sent(wrong: list[str], told: str) -> None:
    given = ["--tenant", "acme", "--visitor-id", "v", "--kafka-bootstrap", "127.0.0.1:1"]
    bad = CliRunner().invoke(pathbound, ["send", "tracker", *given, *wrong])
    assert (bad.exit_code, f"The consumer would refuse it: {told}" in bad.output) == (2, True)


def test_a_bad_tenant_and_a_missing_file_are_named() -> None:
    bad = CliRunner().invoke(
        pathbound, ["send", "intercom", "--tenant", "no tenant", "-"], input=json.dumps(CHAT.created())
    )
    assert (bad.exit_code, "The consumer would refuse it: tenant_id" in bad.output) == (2, True)
    missing = CliRunner().invoke(pathbound, ["send", "intercom", "--tenant", "acme", "/no/such/file"])
    assert (missing.exit_code, "No such file" in missing.output) == (2, True)
