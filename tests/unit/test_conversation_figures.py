"""Which copy of a mail stands for all, and what a thread amounts to, whatever the order in which rows come."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Source
from service.conversations.figures import MAX_PARTICIPANTS, settle, summary_of, together
from service.conversations.model import ConversationRow, Direction, Message, Participant
from tests.support.events import MORNING

COPIES = st.lists(
    st.builds(
        ConversationRow,
        row_id=st.uuids().map(str),
        tenant_id=st.just("t"),
        source=st.just(Source.GMAIL),
        conversation_id=st.sampled_from("xyz"),
        account=st.sampled_from("abc"),
        message_id=st.sampled_from("12"),
        sent_at=st.just(MORNING),
        address=st.sampled_from(["ada@example.com", "ada@work.example"]),
        copy=st.just("<1@example.com>"),
        told=st.sampled_from(Direction),
        direction=st.sampled_from(Direction),
        visible=st.booleans(),
        shown=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda row: row.row_id,
)


@given(COPIES, st.randoms())
def test_one_visible_copy_is_shown_whatever_the_order(copies: list[ConversationRow], rng: random.Random) -> None:
    settled = settle(copies)
    shown = [row for row in settled if row.shown]
    visible = [row for row in settled if row.visible]

    assert len(shown) == (1 if visible else 0)
    assert all((row.account, row.message_id) >= (shown[0].account, shown[0].message_id) for row in visible)
    any_sent = any(row.told is Direction.OUTBOUND for row in copies)
    assert all((row.direction is Direction.OUTBOUND) == any_sent for row in settled)
    shuffled = rng.sample(copies, len(copies))
    assert sorted(settle(shuffled), key=lambda row: row.row_id) == sorted(settled, key=lambda row: row.row_id)
    assert settle(settled) == settled


def a_row(number: int, row_id: str | None = None) -> tuple[ConversationRow, Message]:
    message = Message(
        "t",
        Source.GMAIL,
        "rep@ours.example",
        f"m{number:03}",
        MORNING + timedelta(minutes=number // 2),
        sender=Participant(f"p{number}@example.com"),
        to=(Participant(None, "Nobody"),),
        subject=f"Subject {number}",
    )
    row = ConversationRow(
        row_id=row_id or f"row_{number}",
        tenant_id="t",
        source=Source.GMAIL,
        conversation_id="cv",
        account=message.account,
        message_id=message.message_id,
        address="ada@example.com",
        copy=f"copy_{number}",
        sent_at=message.sent_at,
        told=Direction.INBOUND,
        direction=Direction.INBOUND,
    )
    return row, message


@given(st.permutations(range(8)))
def test_figures_do_not_depend_on_the_order(order: list[int]) -> None:
    figures = together([summary_of(a_row(number) for number in order)])
    assert figures == together([summary_of(a_row(number) for number in range(8))])
    assert figures is not None
    assert (figures.message_count, figures.last_message_id, figures.subject) == (8, "m007", "Subject 7")
    assert (figures.first_message_at, figures.last_message_at) == (MORNING, MORNING + timedelta(minutes=3))


def test_a_message_to_two_addresses_of_a_contact_counts_once() -> None:
    figures = together([summary_of([a_row(1), a_row(1, "evt_other_address"), a_row(2)])])
    assert figures is not None
    assert figures.message_count == 2
    row, message = a_row(3)
    outbound = together([summary_of([(replace(row, direction=Direction.OUTBOUND), message)])])
    assert outbound is not None
    assert outbound.last_message_direction is Direction.OUTBOUND


def test_nothing_amounts_to_nothing_and_participants_are_bounded() -> None:
    assert together([summary_of([])]) is None
    figures = together([summary_of(a_row(number) for number in range(300))])
    assert figures is not None
    assert len(figures.participants) == MAX_PARTICIPANTS


MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.none() | st.sampled_from(["Hello", "Re: Hello"]),
        st.lists(st.builds(Participant, st.sampled_from([None, "a@x.example", "b@x.example"]), st.sampled_from("AB"))),
        st.sampled_from(Direction),
        st.integers(0, 3),
    ),
    max_size=12,
)


@given(MESSAGES)
def test_a_thread_is_its_parts_together_whatever_way_it_is_parted(told: list[Any]) -> None:
    items, parts = [], defaultdict(list)
    for number, (minute, subject, named, direction, part) in enumerate(told):
        row, message = a_row(number)
        row = replace(row, sent_at=MORNING + timedelta(minutes=minute), direction=direction)
        item = row, replace(message, subject=subject, snippet=f"Snippet {number}", to=tuple(named))
        items.append(item)
        parts[part].append(item)

    assert together(summary_of(part) for part in parts.values()) == together([summary_of(items)])


def test_more_participants_than_are_named_are_the_first_whatever_way_a_thread_is_parted() -> None:
    items = [a_row(number) for number in range(300)]
    parts = [summary_of(items[start::7]) for start in range(7)]
    assert together(parts) == together([summary_of(items)])
