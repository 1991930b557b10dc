"""What JSON Schema can say of the free JSON that clients send: the same limits that the code checks.

`format` names a rule that no schema can express (`email`, `visitor-id`); its description says it in words.
"""

from typing import Any

JsonSchema = dict[str, Any]

PLAIN_TEXT_PATTERN = r"^[^\u0000]*$"


def _json_value(levels: int) -> JsonSchema:
    """Any JSON with at most `levels` containers inside each other."""
    kinds: list[JsonSchema] = [
        {"type": ["string", "boolean", "null"]},
        {"type": "number", "description": "An integer must be within 64 bits."},
    ]
    if levels:
        inner = {"$ref": f"#/components/schemas/{name_of(levels - 1)}"}
        kinds += [
            {"type": "array", "items": inner},
            {"type": "object", "propertyNames": {"pattern": PLAIN_TEXT_PATTERN}, "additionalProperties": inner},
        ]
    return {"anyOf": kinds, "description": f"Any JSON with at most {levels} containers inside each other."}


def name_of(levels: int) -> str:
    """The component's name."""
    return f"JsonValue{levels}"


def json_values(max_nesting: int) -> dict[str, JsonSchema]:
    """The components that `properties_schema` refers to."""
    return {name_of(levels): _json_value(levels) for levels in range(max_nesting)}


def properties_schema(
    *,
    named: frozenset[str],
    stages: list[str],
    max_keys: int,
    max_key_length: int,
    max_value_length: int,
    max_nesting: int,
    email: JsonSchema | bool,
) -> JsonSchema:
    """`properties` as a client may send them; `email` is the schema of that key, or False where it is not told."""
    text = {"type": ["string", "null"], "maxLength": max_value_length}
    known: dict[str, JsonSchema | bool] = dict.fromkeys(sorted(named - {"lifecyclestage"}), text)
    known["lifecyclestage"] = {"enum": [*stages, None]}
    if email is not False:
        known["email"] = email
    return {
        "type": "object",
        "maxProperties": max_keys,
        "propertyNames": {"pattern": r"^(?!\$)[^.\u0000]+$", "minLength": 1, "maxLength": max_key_length},
        "properties": dict(sorted(known.items())),
        "additionalProperties": {"$ref": f"#/components/schemas/{name_of(max_nesting - 1)}"},
        "examples": [{"firstname": "Ada", "lastname": "Lovelace", "lifecyclestage": "lead", "plan": "pro"}],
    }
