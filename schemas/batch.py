"""Several contacts at once, on the wire."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

MAX_BATCH = 25


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "must not contain a NUL character")
    return text


ContactId = Annotated[
    str, Field(min_length=1, max_length=128, examples=["ct_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"]), AfterValidator(_no_nul)
]


class BatchDetails(BaseModel):
    """The body of `POST /v1/batch/details`. An id given twice counts once."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contact_ids: list[ContactId] = Field(min_length=1, max_length=MAX_BATCH)


class BatchActivity(BatchDetails):
    """The body of `POST /v1/batch/activity`."""

    limit: int = Field(10, ge=1, le=50, description="The newest events of each contact, at most so many.")
