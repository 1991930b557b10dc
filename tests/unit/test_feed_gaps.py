"""What a contact's numbers on the topic say."""

from hypothesis import given
from hypothesis import strategies as st

from service.feed.gaps import Track, ranges


def read(numbers: list[int]) -> Track:
    track = Track(numbers[0], f"id-{numbers[0]}")
    for number in numbers[1:]:
        track.see(number, f"id-{number}")
    return track


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_any_stream_is_judged_as_its_definition_says(numbers: list[int]) -> None:
    track = read(numbers)
    assert (track.first, track.high) == (min(numbers), max(numbers))
    assert track.missing == set(range(min(numbers), max(numbers) + 1)) - set(numbers)
    firsts = list(dict.fromkeys(numbers))
    assert track.late == [one for index, one in enumerate(firsts) if one < max(firsts[: index + 1])]
    assert track.repeats == len(numbers) - len(firsts)
    assert not track.clashes


@given(st.integers(1, 5), st.lists(st.integers(1, 10), max_size=6))
def test_batches_that_come_again_are_neither_gaps_nor_disorder(first: int, steps: list[int]) -> None:
    stream, upto = [first], first
    for step in steps:
        begin = max(first, upto - step)
        stream += range(begin, upto + step)
        upto = max(upto, stream[-1])
    track = read(stream)
    assert (track.missing, track.late, track.clashes) == (set(), [], [])
    assert (track.first, track.high) == (first, max(stream))


def test_one_number_with_two_ids_is_a_clash() -> None:
    track = read([1, 2, 3])
    track.see(2, "another")
    assert (track.clashes, track.repeats) == ([2], 0)


def test_numbers_are_told_as_ranges() -> None:
    assert ranges([]) == []
    assert ranges([3, 1, 2, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]
