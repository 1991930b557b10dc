"""The records that deploy/docs/sources.md shows are what the consumers take."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.outcomes import Record
from consumers.tracker.normalise import normalise as normalise_tracker
from tests.support.intercom import RECEIVED

PAGE = Path(__file__).parents[2] / "deploy" / "docs" / "sources.md"
TOLERANCE = timedelta(hours=1)


def examples() -> Iterator[dict[str, Any]]:
    for block in PAGE.read_text().split("```json\n")[1:]:
        rest = block.partition("```")[0].strip()
        while rest:
            example, end = json.JSONDecoder().raw_decode(rest)
            yield example
            rest = rest[end:].lstrip()


def record(example: dict[str, Any]) -> Record:
    return Record("any", 0, 0, None, json.dumps(example).encode(), RECEIVED)


def test_the_tracker_example_is_an_event() -> None:
    (example,) = (each for each in examples() if "visitorId" in each)
    event = normalise_tracker(record(example), TOLERANCE)
    assert (event.event, event.visitor_id) == ("page_view", "v-77")


def test_the_intercom_examples_say_what_the_page_says() -> None:
    told = [each for each in examples() if "notification" in each or "conversation" in each]
    notified, whole = (normalise_intercom(record(each), TOLERANCE) for each in told)
    assert [fact.key.message_id for fact in notified.messages] == ["7001", "8001"]
    assert [(fact.key.person_id, set(fact.emails)) for fact in notified.persons] == [("665f", {"ada@example.com"})]
    assert notified.threads[0].key == whole.threads[0].key
    assert (notified.threads[0].state, whole.threads[0].state) == ("open", "closed")


def test_there_is_an_example_of_each_kind() -> None:
    kinds = {each.get("kind") or next(name for name in each if name != "tenant_id") for each in examples()}
    assert kinds == {"message_id", "message", "labels", "deleted", "notification", "conversation"}
    assert all(each["tenant_id"] == "acme" for each in examples())
