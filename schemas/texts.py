"""Texts that are kept, compared or logged: what no string of ours may contain."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schemas.json_schema import PLAIN_TEXT_PATTERN
from schemas.json_values import has_lone_surrogate


def valid_unicode(text: str) -> str:
    """The text. Raises PydanticCustomError for lone surrogates; pydantic itself looks only where it counts a length."""
    if has_lone_surrogate(text):
        raise PydanticCustomError("unicode", "must be valid Unicode: it contains a lone surrogate")
    return text


def _check_plain(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "must not contain a NUL character")
    return valid_unicode(text)


PlainText = Annotated[str, AfterValidator(_check_plain), Field(json_schema_extra={"pattern": PLAIN_TEXT_PATTERN})]
"""Valid Unicode without NUL."""
