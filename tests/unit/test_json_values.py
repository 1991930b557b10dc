"""Free JSON from strangers: what is refused, where, and at what cost."""

import sys
from typing import Any

import pytest

from schemas.json_values import UnstorableValueError, check_json
from schemas.visitor_ids import is_junk_identity


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (2**63, ""),
        ({"a": float("nan")}, "a"),
        ({"a": [1, {"b": "\ud800"}]}, "a[1].b"),
        ({"a": {"b\0": 1}}, "a"),
        ([[2**63]], "[0][0]"),
        ({"a": {"b": [[]]}}, "a.b[0]"),
    ],
)
def test_a_fault_is_told_with_its_place(value: Any, path: str) -> None:
    with pytest.raises(UnstorableValueError) as caught:
        check_json(value, max_depth=3)
    assert caught.value.path == path
    with pytest.raises(UnstorableValueError) as caught:
        check_json(value, max_depth=3, path="data")
    assert caught.value.path == ("data" + path if path.startswith("[") else f"data.{path}".rstrip("."))


@pytest.mark.timeout(60)
def test_a_long_key_costs_what_it_is_long() -> None:
    """Its path was copied for each value under it: of sixteen megabytes, terabytes."""
    check_json({"k" * 2**21: [0] * 2**20}, max_depth=50)


def test_junk_is_junk_within_quotes_and_white_space_of_any_kind() -> None:
    around = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1)))) + "\"'`\u2018\u2019\u201c\u201d"
    for one in around:
        assert is_junk_identity(f"{one}' {one}null{one}\" {one}")
        assert not is_junk_identity(f"{one}' {one}v{one}1{one}\" {one}")


@pytest.mark.timeout(60)
def test_quotes_within_quotes_are_peeled_in_linear_time() -> None:
    """One request of a megabyte took the API thirteen seconds: of eight it would be minutes."""
    assert not is_junk_identity('" ' * 4_000_000 + "x")
