"""The plan of a chaos run: the seed alone decides what is done, and to what."""

from collections import Counter
from itertools import islice, pairwise

import pytest

from tests.chaos.expected import Expected
from tests.chaos.faults import Blow, deck_of_all, deck_of_primaries, schedule
from tests.chaos.operations import BUSY, PRODUCED, Kind, Operation, Planner
from tests.chaos.requests import request_of
from tests.chaos.sources import records_of

MANY = 3_000


def dealt(seed: int, client: int) -> list[Operation]:
    return list(islice(Planner(seed, client), MANY))


def test_the_seed_and_the_client_decide_every_operation() -> None:
    assert dealt(7, 1) == dealt(7, 1)
    assert dealt(7, 1) != dealt(8, 1)
    assert dealt(7, 1) != dealt(7, 2)


def test_a_client_does_everything_and_meets_people_of_its_own() -> None:
    one, other = dealt(7, 1), dealt(7, 2)
    assert {operation.kind for operation in one} == set(Kind)
    assert {operation.person for operation in one} & {operation.person for operation in other} == {BUSY, ""}
    assert len({operation.name for operation in one + other}) == 2 * MANY


def test_every_operation_can_be_done_when_its_turn_comes() -> None:
    """Nothing is asked of a contact that is not there, no note is changed that is gone."""
    expected = Expected("t")
    expected.answered(Operation(Kind.CREATE, 9, 0, BUSY), answer(BUSY), asked_before=0)
    for operation in dealt(7, 1):
        if operation.kind is Kind.AGAIN:
            continue
        if operation.kind in PRODUCED:
            expected.produced(operation, records_of(operation, "t"))
            continue
        person = expected.person(operation.person)
        request = request_of(operation, person)
        assert "None" not in request.path
        if operation.kind is Kind.TRACK:
            expected.tracked(operation)
            continue
        assert not person.deleted
        assert (operation.kind is Kind.CREATE) == (person.contact_id is None)
        if operation.kind is Kind.READ:
            continue
        before = dict(person.properties)
        expected.answered(operation, answer(operation.person), asked_before=0)
        if operation.kind in (Kind.UPDATE, Kind.IDENTIFY):
            assert person.properties != before
    assert expected.person(BUSY).notes


def answer(person: str) -> dict[str, dict[str, object]]:
    return {"contact": {"contact_id": f"ct-{person}", "properties": {}}, "note": {"note_id": f"nt-{person}"}}


def test_the_seed_decides_every_fault() -> None:
    deck = deck_of_all(2, 2, 4)
    assert schedule(7, 300, deck) == schedule(7, 300, deck)
    assert schedule(7, 300, deck) != schedule(8, 300, deck)


@pytest.mark.parametrize("deck", [deck_of_all(2, 2, 4), deck_of_primaries()])
def test_all_of_the_deck_comes_before_any_of_it_comes_again(deck: list[object]) -> None:
    faults = schedule(7, 600, deck)  # type: ignore[arg-type]
    cards = Counter((card.target, card.blow) for card in deck)  # type: ignore[attr-defined]
    assert Counter((fault.target, fault.blow) for fault in faults[: len(deck)]) == cards
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert faults[-1].at < 600


def test_everything_is_struck_in_every_way_but_one_target_never_twice_at_a_time() -> None:
    faults = schedule(7, 600, deck_of_all(2, 2, 4))
    assert {fault.blow for fault in faults} == set(Blow) - {Blow.DEPOSE}
    for target in {fault.target for fault in faults}:
        its = [fault for fault in faults if fault.target == target]
        for fault, following in pairwise(its):
            assert fault.at + fault.seconds <= following.at + 0.01
