"""What may become of a published schema, and what may not."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, create_model

from schemas.evolution import breaks


class Inner(BaseModel):
    name: str


class Before(BaseModel):
    text: str
    maybe: str | None
    absent: str | None = None
    kind: Literal["a", "b"]
    number: int
    inner: Inner
    many: list[Inner]
    by_name: dict[str, Inner]
    free: dict[str, Any]


class Wider(Inner):
    more: int


class Narrower(BaseModel):
    more: int


OLD = Before.model_json_schema()


def changed(**fields: Any) -> list[str]:
    """What breaks where these fields are so instead; None removes a field."""
    kept = {name: (info.annotation, info.default) for name, info in Before.model_fields.items()}
    wanted = {**kept, **fields}
    model = create_model("After", **{name: field for name, field in wanted.items() if field is not None})
    return breaks(OLD, model.model_json_schema())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"new": (str, ...)},
        {"new": (int | None, None)},
        {"kind": (Literal["a", "b", "c"], ...)},
        {"absent": (str | None, ...)},
        {"inner": (Wider, ...)},
        {"many": (list[Wider], ...)},
        {"by_name": (dict[str, Wider], ...)},
    ],
)
def test_additions_break_nobody(fields: dict[str, Any]) -> None:
    assert changed(**fields) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"text": None}, "data.text is gone."),
        ({"text": (str, "now with a default")}, "data.text was always there, and need not be any more."),
        ({"text": (int, ...)}, "data.text had type 'string', and has 'integer'."),
        ({"text": (str | None, ...)}, "data.text had 0 alternatives, and has 2."),
        ({"maybe": (str, ...)}, "data.maybe had 2 alternatives, and has 0."),
        ({"kind": (Literal["a", "c"], ...)}, "data.kind can no longer be 'b'."),
        ({"kind": (str, ...)}, "data.kind was an enumeration or became one."),
        ({"number": (float, ...)}, "data.number had type 'integer', and has 'number'."),
        ({"inner": (Narrower, ...)}, "data.inner.name is gone."),
        ({"many": (list[Narrower], ...)}, "data.many[].name is gone."),
        ({"by_name": (dict[str, Narrower], ...)}, "data.by_name.*.name is gone."),
        ({"free": (dict[str, str], ...)}, "data.free.* was True, and is {'type': 'string'}."),
    ],
)
def test_all_else_breaks_somebody(fields: dict[str, Any], fault: str) -> None:
    assert fault in changed(**fields)


def test_a_model_that_contains_itself_is_compared() -> None:
    tree = {"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"up": {"$ref": "#/$defs/T"}, "x": {"type": "string"}}}}}
    other = {"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"up": {"$ref": "#/$defs/T"}}}}}
    assert breaks(tree, tree) == []
    assert breaks(tree, other) == ["data.x is gone."]
