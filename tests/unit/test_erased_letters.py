"""What may name a person in a dead letter, whatever is in it."""

import base64
import json
import random
from datetime import UTC, datetime

import pytest

from consumers.erased_letters import _ADDRESS, _handles
from consumers.runtime.letters import Letter
from schemas.positions import Position
from service.erasure.model import email_handle, handle_of
from tests.support.events import visitor

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WHERE = Position("gmail.messages.dlq", 0, 0)


def letter(value: bytes) -> Letter:
    return Letter(WHERE, NOW, b"rep@ours.example", value, ())


@pytest.mark.timeout(30)
@pytest.mark.parametrize("word", [b"x" * 15_000_000, base64.urlsafe_b64encode(random.Random(7).randbytes(10_000_000))])
def test_a_word_of_megabytes_is_looked_through_once(word: bytes) -> None:
    """As the bytes of an attachment are, for which somebody who redrives letters must not wait for days."""
    whole = json.dumps({"tenant_id": "t", "from": "Ada <ada@example.com>", "data": word.decode()}).encode()
    assert email_handle("t", "ada@example.com") in set(_handles(letter(whole), ()))
    assert email_handle("t", "ada@example.com") in set(_handles(letter(b"{" + whole), ["t"]))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@b", ["a@b"]),
        ("mailto:a@b.c?x", ["a@b.c?x"]),
        ("<a@b.c>,d@e.f;x", ["a@b.c", "d@e.f"]),
        ("a@b@c d@e", ["a@b", "d@e"]),
        ("@a b@ @@c@d", ["c@d"]),
    ],
)
def test_addresses_are_found_wherever_they_stand(text: str, found: list[str]) -> None:
    assert _ADDRESS.findall(text) == found


@pytest.mark.parametrize("literal", ["42", '"42"', '" 42 "', '"\\u00342"'])
def test_a_visitor_is_found_however_its_id_is_written(literal: str) -> None:
    torn = f'{{"tenant_id": "t", "event": 5, "visitorId": {literal}'
    assert handle_of(visitor("t", "42")) in set(_handles(letter(torn.encode()), ["t"]))
