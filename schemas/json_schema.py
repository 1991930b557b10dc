"""What JSON Schema can say of the free JSON that clients send: the same limits that the code checks.

`format` names a rule that no schema can express (`email`, `visitor-id`); its description says it in words. So are the
limits of what stands in free values: a schema of each level of nesting stops generators of clients.
"""

from typing import Any

JsonSchema = dict[str, Any]

PLAIN_TEXT_PATTERN = r"^[^\u0000]*$"
FREE_VALUE = (
    "Any JSON with at most {containers} containers inside each other, integers within 64 bits, no NUL in a key."
)


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
    known["lifecyclestage"] = {"type": ["string", "null"], "enum": [*stages, None]}
    if email is not False:
        known["email"] = email
    return {
        "type": "object",
        "maxProperties": max_keys,
        "propertyNames": {"pattern": r"^(?!\$)[^.\u0000]+$", "minLength": 1, "maxLength": max_key_length},
        "properties": dict(sorted(known.items())),
        "additionalProperties": {"description": FREE_VALUE.format(containers=max_nesting - 1)},
        "examples": [{"firstname": "Ada", "lastname": "Lovelace", "lifecyclestage": "lead", "plan": "pro"}],
    }
