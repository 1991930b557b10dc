"""Several contacts at once, on the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from schemas.json_schema import PLAIN_TEXT_PATTERN

MAX_BATCH = 25


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "must not contain a NUL character")
    return text


def _whole(value: Any) -> Any:
    # To JSON, 10.0 is the same integer as 10.
    return int(value) if isinstance(value, float) and value.is_integer() else value


ContactId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        examples=["ct_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"],
        json_schema_extra={"pattern": PLAIN_TEXT_PATTERN},
    ),
    AfterValidator(_no_nul),
]


class BatchDetails(BaseModel):
    """The body of `POST /v1/batch/details`. An id given twice counts once."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contact_ids: list[ContactId] = Field(min_length=1, max_length=MAX_BATCH)


class BatchActivity(BatchDetails):
    """The body of `POST /v1/batch/activity`."""

    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        10, ge=1, le=50, description="The newest events of each contact, at most so many."
    )
