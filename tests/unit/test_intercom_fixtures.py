"""Real payloads, where the shared folder is: each says what its description there says.

Nothing of them is copied, and above all no address: those are compared with the file. In a clone elsewhere the made-up
conversations of the other tests are all there is.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.intercom.normalise import normalise
from consumers.runtime.outcomes import InvalidRecordError
from service.conversations.incoming import Delivery
from tests.support.intercom import Json, intercom_record
from tests.support.tracker_fixtures import FIXTURES

FOLDER = FIXTURES / "intercom"
FILES = sorted(FOLDER.glob("*.json"))
TOLERANCE = timedelta(hours=1)
IN, OUT, NOTE = "inbound", "outbound", "internal"

pytestmark = pytest.mark.skipif(not FILES, reason="the shared fixtures are not here")


@dataclass(frozen=True)
class Said:
    """What a payload says: messages as (id, direction, seconds), `internal` for a note; `known` are persons with an
    address."""

    messages: list[tuple[str, str, int]] = field(default_factory=list)
    thread: tuple[str, int, str] | None = None
    persons: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)


_LEAD, _USER, _V2_LEAD = "5c9553cb27e377f24eed49f7", "5ee3d479d1cf3dedbee23d68", "696205460674dbb9050aa7fd"
_TAGGED_USER = "5f297f71bce3e055f3afdf6e"
EXPECTED = {
    "webhook_v1_conversation_user_created": Said(
        [("331494375", IN, 1553290198)], ("21321941764", 1553290198, "open"), {_LEAD}
    ),
    "webhook_v1_conversation_user_replied": Said(
        [("331499307", IN, 1553290933), ("2824391734", IN, 1553291307)],
        ("21322009097", 1553291307, "open"),
        {_LEAD},
        {_LEAD},
    ),
    "webhook_v1_conversation_admin_noted": Said(
        [("331786931", IN, 1553378082), ("2826904904", NOTE, 1553378536)],
        ("21330067382", 1553378536, "open"),
        {_LEAD},
        {_LEAD},
    ),
    "webhook_v1_conversation_admin_assigned": Said(
        [("331499307", IN, 1553290933), ("2824382500", OUT, 1553291111)],
        ("21322009097", 1553291111, "open"),
        {_LEAD},
        {_LEAD},
    ),
    # An old part: the first message again.
    "webhook_v1_conversation_part_tag_created": Said(
        [("331786931", IN, 1553378082), ("331786931", IN, 1553378082)],
        ("21330067382", 1553378536, "open"),
        {_LEAD},
        {_LEAD},
    ),
    "webhook_v1_ping": Said(),
    "webhook_v1_event_created": Said(known={"5c9aabdf2ddf20549a41453a"}, events=["invited-friend"]),
    "webhook_v1_contact_created": Said(known={"5c96b122177026171b401e20"}),
    "webhook_v1_user_created": Said(known={"5c9ab3e78cd7330140ce5033"}),
    "webhook_v2_conversation_operator_replied": Said(
        [("3381828792", IN, 1768031789), ("37358121213", OUT, 1768031793)],
        ("215472621202693", 1768031793, "open"),
        {_V2_LEAD},
    ),
    "webhook_v2_conversation_admin_open_assigned": Said(
        [("3381828792", IN, 1768031789), ("37358198341", OUT, 1768032000)],
        ("215472621202693", 1768032000, "open"),
        {_V2_LEAD},
    ),
    "webhook_v2_contact_deleted": Said(),
    # An assignment without a body is no message.
    "webhook_conversation_admin_assigned": Said(
        [("608953158", OUT, 1596634805)], ("137324500000000", 1596635008, "open"), {_USER}, {_USER}
    ),
    "webhook_conversation_admin_single_created_lead": Said(
        [("612553981", OUT, 1597106522)],
        ("15494800000000", 1597106522, "closed"),
        {"59e0e10b12ce6cb8f7a30587"},
        {"59e0e10b12ce6cb8f7a30587"},
    ),
    "webhook_conversation_part_tag_created": Said(
        [("608953158", OUT, 1596634805), ("6073780765", OUT, 1596635049)],
        ("137324500000000", 1596635155, "open"),
        {_USER},
        {_USER},
    ),
    "webhook_user_created": Said(known={_TAGGED_USER}),
    "webhook_user_tag_created": Said(known={_TAGGED_USER}),
    "rest_2.14_conversation_get": Said(
        [("403918334", OUT, 1734537511), ("1", OUT, 1663597223)],
        ("503", 1734537511, "closed"),
        {"6762f1261bb69f9f2193bba7"},
    ),
    "rest_2.14_conversation_list": Said(
        [("403918320", OUT, 1734537460)], ("471", 1734537460, "closed"), {"6762f0f31bb69f9f2193bb8b"}
    ),
    "rest_2.14_user_reply": Said(
        [("403918349", OUT, 1734537559), ("132", IN, 1734537561)],
        ("524", 1734537561, "open"),
        {"6762f1571bb69f9f2193bbbb"},
        {"6762f1571bb69f9f2193bbbb"},
    ),
    "rest_2.14_part_close": Said(
        [("403918356", OUT, 1734537582), ("136", OUT, 1734537584)],
        ("531", 1734537584, "closed"),
        {"6762f16e1bb69f9f2193bbc2"},
    ),
}


def name_of(path: Path) -> str:
    return path.stem.removeprefix("intercom_")


def payload_of(path: Path) -> Json:
    """The payload; of a list of conversations its first."""
    found: Json = json.loads(path.read_text())
    return found["conversations"][0] if "conversations" in found else found


def is_ours(path: Path) -> bool:
    """Whether it is a notification or a conversation; a few are other objects of Intercom's."""
    return payload_of(path).get("type") in ("notification_event", "conversation")


def delivery_of(payload: Json) -> Delivery:
    return normalise(intercom_record(payload), TOLERANCE)


def summary(delivery: Delivery) -> Said:
    messages = []
    for fact in delivery.messages:
        assert fact.content
        assert fact.state
        kind = fact.state.hidden or fact.content.direction
        messages.append((fact.key.message_id, str(kind), int(fact.content.message.sent_at.timestamp())))
    assert len(delivery.threads) < 2
    for thread in delivery.threads:
        assert thread.state is not None
        return Said(
            messages,
            (thread.key.thread_id, thread.version, thread.state),
            set(thread.persons),
            {fact.key.person_id for fact in delivery.persons},
        )
    known = {fact.key.person_id for fact in delivery.persons}
    return Said(messages, known=known, events=[event.event for event in delivery.events])


def objects_in(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for each in value if isinstance(value, list) else []:
        yield from objects_in(each)


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path) in EXPECTED], ids=name_of)
def test_a_payload_says_what_it_is_described_to_say(path: Path) -> None:
    assert summary(delivery_of(payload_of(path))) == EXPECTED[name_of(path)]


@pytest.mark.parametrize("path", [path for path in FILES if is_ours(path)], ids=name_of)
def test_addresses_are_those_of_contacts(path: Path) -> None:
    payload = payload_of(path)
    told = [each for each in objects_in(payload) if isinstance(each.get("email"), str)]
    teams = {each["email"].lower() for each in told if each.get("type") in ("admin", "bot")}
    for fact in delivery_of(payload).persons:
        ids = {
            each["email"].lower()
            for each in told
            if fact.key.person_id in (each.get("id"), each.get("intercom_user_id"))
        }
        assert fact.emails == ids
        assert not any(email.startswith("operator+") for email in fact.emails)
        if payload.get("topic") != "conversation.user.replied":  # in that one an admin goes under the lead's address
            assert not fact.emails & teams


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_body_can_be_read(path: Path) -> None:
    """Also of payloads of these kinds that nobody described here."""
    payload = payload_of(path)
    if not is_ours(path):
        with pytest.raises(InvalidRecordError):
            delivery_of(payload)
        return
    for fact in delivery_of(payload).messages:
        assert fact.content
        message = fact.content.message
        assert message.text
        assert message.html
        assert message.html.startswith("<p")
        assert "<" not in message.text


def test_everything_described_is_in_the_folder() -> None:
    """The folder may have grown since, but not shrunk."""
    assert set(EXPECTED) <= {name_of(path) for path in FILES if is_ours(path)}


# --- a warehouse's history: several versions of one conversation -----------------------------------------------------


def rows_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"intercom_warehouse_{name}_history_data.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


def as_rest(row: dict[str, str]) -> Json:
    """A row as the REST object that it was made of. Bodies are scrambled there: plain text here."""
    author = {"type": row["source_author_type"], "id": row["source_author_id"]}
    return {
        "type": "conversation",
        "id": row["id"],
        "created_at": seconds(row["created_at"]),
        "updated_at": seconds(row["updated_at"]),
        "state": row["state"],
        "source": {"id": row["source_id"], "body": row["source_body"], "author": author},
    }


def test_the_newest_row_of_a_history_is_the_active_one() -> None:
    newest: dict[str, tuple[int, str | None]] = {}
    contents: dict[str, set[Any]] = {}
    for row in rows_of("conversation"):
        delivery = delivery_of(as_rest(row))
        (thread,), (first,) = delivery.threads, delivery.messages
        key = thread.key.thread_id
        newest[key] = max(newest.get(key, (0, None)), (thread.version, thread.state), key=lambda one: one[0])
        contents.setdefault(key, set()).add((first.key, first.content))
        assert thread.persons == {row["source_author_id"]}
    active = {row["id"]: row["state"] for row in rows_of("conversation") if row["_fivetran_active"] == "true"}
    assert {key: state for key, (_, state) in newest.items() if key in active} == active
    assert all(len(versions) == 1 for versions in contents.values())


def test_parts_of_a_history_are_messages_if_they_have_a_body() -> None:
    for row in rows_of("conversation_part"):
        part = {
            "id": row["id"],
            "part_type": row["part_type"],
            "body": row["body"] or None,
            "created_at": seconds(row["created_at"]),
            "author": {"type": row["author_type"], "id": row["author_id"]},
        }
        payload = {"type": "conversation", "id": row["conversation_id"], "conversation_parts": [part]}
        messages = summary(delivery_of(payload | {"state": "open"})).messages
        expected = [(row["id"], NOTE if row["part_type"] == "note" else OUT, seconds(row["created_at"]))]
        assert messages == (expected if row["body"] else [])
