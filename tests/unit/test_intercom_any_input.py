"""Whatever comes: facts or a reason, the same each time."""

import base64
import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.intercom.normalise import normalise
from consumers.runtime.outcomes import InvalidRecordError, Record
from service.conversations.incoming import Delivery
from tests.support.hypothesis_settings import unhurried
from tests.support.intercom import (
    BEGAN,
    RECEIVED,
    Chat,
    Json,
    Step,
    envelope,
    intercom_record,
    kind_of,
    notification,
)
from tests.support.tracker_fixtures import FIXTURES, hostile_strings

TOLERANCE = timedelta(hours=1)
JSON_TEXTS = FIXTURES / "hostile-input" / "json_parsing_a.base64.json"


def judged(value: bytes | None) -> Delivery | None:
    """What the record says, if it is valid; else its reason must be short and plain."""
    record = Record("intercom.events", 0, 0, None, value, RECEIVED)
    try:
        return normalise(record, TOLERANCE)
    except InvalidRecordError as error:
        assert error.reason.isascii()  # noqa: PT017 - either way out is right
        assert 0 < len(error.reason) < 120  # noqa: PT017
        return None


def judged_payload(payload: Json) -> Delivery | None:
    return judged(intercom_record(payload).value)


# --- any JSON anywhere -----------------------------------------------------------------------------------------------

wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_STEP = Step(8001, "conversation.user.replied", "comment", BEGAN + 60, "<p>Hello</p>")
_TAGGED = {"type": "user_tag", "user": {"type": "user", "id": "c", "email": "a@b.example"}, "tag": {"id": "1"}}
_EVENT = {
    "type": "event",
    "id": "e",
    "event_name": "x",
    "metadata": {"a": [1]},
    "email": "a@b.example",
    "created_at": 5,
}
_ATTACHED = {"conversation": {"model": {"id": 9}}, "contact": {"type": "contact", "id": "c", "email": "a@b.example"}}
_TICKET = {"ticket": {"ticket_parts": {"ticket_parts": [{"author": {"type": "user", "id": "c"}}]}}, "ticket_part": {}}
SAMPLES: list[Json] = [
    Chat(api=1).told(_STEP),
    Chat(api=2).told(_STEP),
    Chat(api=2).part_redacted(_STEP, BEGAN + 90),
    Chat().rest([_STEP]),
    Chat().contact_created(),
    Chat().deleted(BEGAN + 90),
    notification("user.tag.created", _TAGGED),
    notification("event.created", _EVENT),
    notification("conversation.contact.attached", _ATTACHED),
    notification("ticket.contact.replied", _TICKET),
    notification("ping", {"type": "ping"}),
]


def paths_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    children: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield from paths_in(child, (*path, key))


PLACES = [(sample, path) for sample in SAMPLES for path in paths_in(sample)]


def spoiled(sample: Json, path: tuple[str | int, ...], value: Any) -> bytes:
    """The record's value, with another value in that place."""
    changed = deepcopy(sample)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return envelope(changed, kind=kind_of(sample))


@unhurried
@given(st.sampled_from(PLACES), wild)
def test_any_value_in_any_place_gives_facts_or_a_reason(place: tuple[Json, Any], value: Any) -> None:
    changed = spoiled(*place, value)
    once = judged(changed)
    assert once == judged(changed)
    assert once is None or once.receipt.tenant_id == "acme"


@unhurried
@given(st.binary(max_size=300))
def test_any_bytes_are_judged(value: bytes) -> None:
    judged(value)


WRONG: list[Any] = [None, "", "x", [], {}, 0, True, 1.5, -1, 10**30, 10**300, [[]], {"id": {}}, [None], {"contacts": 5}]
NEEDED = {"data", "item", "id", "body", "conversation_parts", 0}
"""Without one of these, somewhere on the way to the part, it is no message."""


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_wrong_value_in_each_place_is_judged(value: Any) -> None:
    for sample, path in PLACES:
        judged(spoiled(sample, path, value))


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("api", [1, 2])
def test_a_wrong_value_spoils_nothing_but_itself(api: int, value: Any) -> None:
    sample = Chat(api=api).told(_STEP)
    for path in paths_in(sample):
        if path[-1] not in NEEDED:
            delivery = judged(spoiled(sample, path, value))
            assert delivery is not None, path
            assert "8001" in {fact.key.message_id for fact in delivery.messages}, path


# --- hostile text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", [1, 2])
def test_hostile_text_goes_no_further_than_where_it_stands(api: int) -> None:
    for text in hostile_strings():
        reply = Step(8001, "conversation.user.replied", "comment", BEGAN + 60, text)
        for chat in (Chat(api=api), Chat(api=api, name=text), Chat(api=api, email=text), Chat(api=api, subject=text)):
            delivery = judged_payload(chat.told(reply))
            assert delivery is not None, repr(text)
            assert [fact.key.message_id for fact in delivery.messages] == ["7001"] + ["8001"] * bool(text.strip())
            assert all(email.count("@") == 1 for fact in delivery.persons for email in fact.emails)
        for extra in ({"state": text}, {"id": text}, {"created_at": text}, {"updated_at": text}, {"title": text}):
            delivery = judged_payload(Chat(api=api, extra=extra).told(_STEP))
            assert (delivery is None) == ("id" in extra and not (text.strip() and len(text) <= 256)), repr(text)
            if delivery is not None:
                assert delivery.threads[0].state == "open"
                assert delivery.threads[0].key.thread_id == extra.get("id", Chat.conversation_id)
        assert judged_payload(Chat(api=api).created() | {"topic": text, "id": text, "app_id": text}) is not None


def test_plain_text_is_kept_to_the_letter() -> None:
    for text in hostile_strings():
        delivery = judged_payload(Chat().user_replied(8001, BEGAN + 60, text))
        assert delivery
        for fact in delivery.messages[1:]:
            assert fact.content
            message = fact.content.message
            assert message.html is not None or message.text == text.strip()
            assert "<script" not in (message.html or "").lower()


def test_reasons_repeat_nothing() -> None:
    """But for the name of a field of the envelope that we do not know, if it looks like one."""
    for text in hostile_strings():
        told = {"tenant_id": f"not a tenant: {text}", f"not a field: {text}": 1, "notification": {}}
        with pytest.raises(InvalidRecordError) as caught:
            normalise(Record("intercom.events", 0, 0, None, json.dumps(told).encode(), RECEIVED), TOLERANCE)
        assert caught.value.reason in ("tenant_id: string_pattern_mismatch", "not valid JSON")
        told = {"tenant_id": "acme", f"not a field: {text}": 1, "notification": {}}
        with pytest.raises(InvalidRecordError) as caught:
            normalise(Record("intercom.events", 0, 0, None, json.dumps(told).encode(), RECEIVED), TOLERANCE)
        assert caught.value.reason in ("(unprintable name): extra_forbidden", "not valid JSON")


@pytest.mark.skipif(not JSON_TEXTS.is_file(), reason="the shared fixtures are not here")
def test_every_json_text_is_judged() -> None:
    for name, encoded in json.loads(JSON_TEXTS.read_text()).items():
        text = base64.b64decode(encoded)
        judged(text)
        around = (
            b'{"tenant_id":"acme","notification":{"topic":"event.created","data":{"item":{"event_name":"x","metadata":'
        )
        delivery = judged(around + text + b"}}}}")
        # The parser takes these three words, which harm nobody in a field that is not read.
        lenient = "nan" in name.lower() or "infinity" in name.lower()
        assert delivery is None or lenient or not name.startswith("n_"), name


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    deep = opening * 100_000
    assert judged(deep) is None
    assert judged(b'{"tenant_id":"acme","notification":' + deep) is None
    closing = b"]" if opening == b"[" else b"}"
    assert judged(b'{"tenant_id":"acme","notification":' + deep + b"1" + closing * 100_000 + b"}") is None
    assert judged_payload(Chat().user_replied(8001, BEGAN, "<div>" * 20_000 + "deep" + "</div>" * 20_000)) is not None


@pytest.mark.parametrize(
    "body",
    [
        "x" * 5_000_000,
        f"<p>{'x ' * 2_500_000}</p>",
        "<p>" * 1_700_000,
        "<p>x</p>" * 600_000,
        "<" * 5_000_000,
        "&" * 5_000_000,
    ],
    ids=["plain", "html", "unclosed", "paragraphs", "angles", "ampersands"],
)
def test_a_body_of_five_megabytes_is_cut(body: str) -> None:
    delivery = judged_payload(Chat().user_replied(8001, BEGAN + 60, body))
    assert delivery
    content = delivery.messages[1].content
    assert content
    assert content.message.text
    assert len(content.message.text) <= 1024 * 1024


def test_the_tags_of_all_parts_together_are_bounded() -> None:
    """A megabyte of them took four seconds, and sixteen a minute, in which the consumer did nothing else."""
    parts = [Step(number, "", "comment", BEGAN + 60, "<ul><li>x</ul>" * 1_100) for number in range(8001, 9001)]
    delivery = judged_payload(Chat().rest(parts))
    assert delivery
    first, *_, last = (fact.content.message for fact in delivery.messages[1:] if fact.content)
    assert first.html
    assert "<li>" in first.html
    assert last.text
    assert last.html
    assert "<li>" not in last.html
