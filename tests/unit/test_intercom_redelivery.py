"""A record that comes again, however much later, tells nothing new, whichever dates it lacks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from consumers.intercom.normalise import normalise
from service.conversations.join import Knowledge
from tests.support.intercom import BEGAN, RECEIVED, Chat, Json, Step, intercom_record

TOLERANCE = timedelta(hours=1)
DATES = ("created_at", "updated_at")
STEP = Step(8001, "conversation.user.replied", "comment", BEGAN + 60, "<p>It is late.</p>")


def payloads() -> Iterator[Json]:
    for chat in (Chat(api=1), Chat(api=2)):
        yield from (chat.created(), chat.told(STEP), chat.part_redacted(STEP, BEGAN + 90), chat.rest([STEP]))
        yield from (chat.rest([]), chat.contact_created(), chat.deleted(BEGAN + 90))


def without(payload: Any, names: tuple[str, ...]) -> Any:
    """A copy that has no such field anywhere."""
    if isinstance(payload, dict):
        return {name: without(value, names) for name, value in payload.items() if name not in names}
    return [without(each, names) for each in payload] if isinstance(payload, list) else payload


@pytest.mark.parametrize("missing", [(), *((name,) for name in DATES), DATES], ids="+".join)
def test_a_redelivery_tells_nothing_new(missing: tuple[str, ...]) -> None:
    for payload in payloads():
        told = without(payload, missing)
        knowledge = Knowledge([], [], {})
        for days in (0, 1, 400):
            received = RECEIVED + timedelta(days=days)
            delivery = normalise(intercom_record(told, received_at=received), TOLERANCE)
            assert knowledge.take(delivery) == (days == 0), (told, days)
