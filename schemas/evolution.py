"""Whether a schema of what we publish has changed by addition only, so that no subscriber has to change with it."""

from collections.abc import Iterator
from typing import Any

JsonSchema = dict[str, Any]

_FREE = frozenset(("$defs", "$id", "$schema", "title", "description", "examples", "default"))
"""What says nothing about values."""
_COMPARED = frozenset(("properties", "required", "enum", "items", "additionalProperties", "anyOf", "$ref"))
"""What has a rule of its own; everything else must stay as it is."""


def breaks(old: JsonSchema, new: JsonSchema) -> list[str]:
    """What a subscriber that knows `old` could stumble over in `new`, each as a sentence with its place.

    Additions are properties (required or not) and values of an enumeration. All else stays: what was there stays, what
    was always there stays so, and nothing may be of a type that it was not before.
    """
    return list(_Comparison(old, new).all())


class _Comparison:
    def __init__(self, old: JsonSchema, new: JsonSchema) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str]] = set()

    def all(self) -> Iterator[str]:
        return self._schema(self._old, self._new, "data")

    def _schema(self, old: JsonSchema | bool, new: JsonSchema | bool, at: str) -> Iterator[str]:
        if isinstance(old, bool) or isinstance(new, bool):
            if old != new:
                yield f"{at} was {old}, and is {new}."
            return
        names = (old.get("$ref", ""), new.get("$ref", ""))
        if all(names) and names in self._seen:
            return  # compared already, or being compared: a model that contains itself
        self._seen.add(names)
        before, after = _resolved(self._old, old), _resolved(self._new, new)
        yield from self._properties(before, after, at)
        yield from self._inside(before, after, at)
        yield from self._alternatives(before, after, at)
        for gone in (value for value in before.get("enum", ()) if value not in after.get("enum", ())):
            yield f"{at} can no longer be {gone!r}."
        for word in sorted((before.keys() | after.keys()) - _FREE - _COMPARED):
            if before.get(word) != after.get(word):
                yield f"{at} had {word} {before.get(word)!r}, and has {after.get(word)!r}."
        if ("enum" in before) != ("enum" in after):
            yield f"{at} was an enumeration or became one."

    def _properties(self, old: JsonSchema, new: JsonSchema, at: str) -> Iterator[str]:
        kept = new.get("properties", {})
        for name, schema in old.get("properties", {}).items():
            if name in kept:
                yield from self._schema(schema, kept[name], f"{at}.{name}")
            else:
                yield f"{at}.{name} is gone."
        for name in sorted(set(old.get("required", ())) & set(kept) - set(new.get("required", ()))):
            yield f"{at}.{name} was always there, and need not be any more."

    def _inside(self, old: JsonSchema, new: JsonSchema, at: str) -> Iterator[str]:
        for word, place in (("items", f"{at}[]"), ("additionalProperties", f"{at}.*")):
            if word in old or word in new:
                yield from self._schema(old.get(word, True), new.get(word, True), place)

    def _alternatives(self, old: JsonSchema, new: JsonSchema, at: str) -> Iterator[str]:
        before, after = old.get("anyOf", []), new.get("anyOf", [])
        if len(before) != len(after):
            yield f"{at} had {len(before)} alternatives, and has {len(after)}."
            return
        for one, other in zip(before, after, strict=True):
            yield from self._schema(one, other, at)


def _resolved(root: JsonSchema, schema: JsonSchema) -> JsonSchema:
    """The schema that a `#/$defs/…` reference means; itself without one."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema
