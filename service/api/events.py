"""Routes that read timelines."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import orjson
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint
from service.api.keys import STREAM_BEGUN
from service.timeline.model import TimelineEvent
from service.timeline.query import TimelineQuery
from service.timeline.view import event_object

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Position = tuple[datetime, str]


def write_cursor(event: TimelineEvent) -> str:
    """Where the next page begins: behind this event. Opaque to clients."""
    millis = (event.timestamp - _EPOCH) // timedelta(milliseconds=1)
    return urlsafe_b64encode(orjson.dumps([millis, event.event_id])).decode().rstrip("=")


def read_cursor(text: str) -> Position:
    """The other way. Raises PydanticCustomError for what this service did not write."""
    try:
        millis, event_id = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(millis, int) or not isinstance(event_id, str):
            raise ValueError
        return _EPOCH + timedelta(milliseconds=millis), event_id
    except (ValueError, TypeError, OverflowError):
        raise PydanticCustomError("cursor", "must be a cursor that this service gave, unchanged") from None


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "must not contain a NUL character")
    return text


class TimelineParameters(BaseModel):
    """The query of `GET /v1/contacts/events/:contact_id`."""

    model_config = ConfigDict(extra="forbid")

    event_type: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_no_nul)] | None = Field(
        None, description="Only events of this name."
    )
    sort_dir: Literal["asc", "desc"] = Field("desc", description="Newest first (desc) or oldest first (asc).")
    limit: int | None = Field(None, ge=1, le=1000, description="At most so many; all of them if left out.")
    cursor: Annotated[str, AfterValidator(read_cursor)] | None = Field(
        None, description="Where a former answer's pagination.next_cursor goes on."
    )


async def contact_events(call: Call) -> web.StreamResponse:
    """All events of a contact, streamed: memory is bounded whatever their number."""
    contact_id = call.request.match_info["contact_id"]
    await call.use_cases.contacts.contact(call.tenant_id, contact_id)
    asked: TimelineParameters = call.query
    query = TimelineQuery(
        call.tenant_id,
        contact_id,
        event=asked.event_type,
        newest_first=asked.sort_dir == "desc",
        # One more than asked for tells whether there is a next page.
        limit=asked.limit + 1 if asked.limit else None,
        after=asked.cursor,  # type: ignore[arg-type]  # the validator made a position of the text
    )
    return await _stream(call, call.use_cases.contacts.timeline(query), asked.limit)


async def _stream(call: Call, portions: AsyncIterator[list[TimelineEvent]], limit: int | None) -> web.StreamResponse:
    first: list[TimelineEvent] = await anext(portions, [])  # a fault that shows here still gets an error answer
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    call.request[STREAM_BEGUN] = True
    await response.prepare(call.request)
    await response.write(b'{"status":"success","events":[')
    last = await _write_events(response, first, portions, limit)
    await response.write(b"]" + (b"" if limit is None else _pagination(limit, last)) + b"}")
    await response.write_eof()
    return response


async def _write_events(
    response: web.StreamResponse,
    portion: list[TimelineEvent],
    portions: AsyncIterator[list[TimelineEvent]],
    limit: int | None,
) -> TimelineEvent | None:
    """Write them, comma-separated; the last one written, if `limit` left more behind it."""
    written = 0
    while portion:
        room = portion if limit is None else portion[: limit - written]
        chunk = b",".join(orjson.dumps(event_object(event)) for event in room)
        await response.write(b"," + chunk if written else chunk)
        written += len(room)
        if len(room) < len(portion):
            return room[-1]
        last, portion = portion[-1], await anext(portions, [])
        if portion and written == limit:
            return last
    return None


def _pagination(limit: int, last: TimelineEvent | None) -> bytes:
    return b',"pagination":' + orjson.dumps({"limit": limit, "next_cursor": write_cursor(last) if last else None})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/contacts/events/{contact_id}",
        Scope.CONTACTS_READ,
        contact_events,
        "All events of a contact.",
        query=TimelineParameters,
    ),
)
