"""All events of a contact, streamed."""

from typing import Literal

import orjson
from aiohttp import web
from pydantic import Field

from schemas.answers import EventsAnswer
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint
from service.api.paging import CursorParameters, Text
from service.api.streaming import begin, end, write_items
from service.timeline.model import TimelineEvent
from service.timeline.query import TimelineQuery
from service.timeline.view import event_object


class TimelineParameters(CursorParameters):
    """The query of `GET /v1/contacts/events/:contact_id`."""

    event_type: Text | None = Field(None, description="Only events of this name.")
    sort_dir: Literal["asc", "desc"] = Field("desc", description="Newest first (desc) or oldest first (asc).")
    limit: int | None = Field(None, ge=1, le=1000, description="At most so many; all of them if left out.")


async def contact_events(call: Call) -> web.StreamResponse:
    """All events of a contact, streamed: memory is bounded whatever their number."""
    contact_id = call.part("contact_id")
    await call.use_cases.contacts.contact(call.tenant_id, contact_id)
    asked: TimelineParameters = call.query
    query = TimelineQuery(
        call.tenant_id,
        contact_id,
        event=asked.event_type,
        newest_first=asked.sort_dir == "desc",
        # One more than asked for tells whether there is a next page.
        limit=asked.limit + 1 if asked.limit else None,
        behind=asked.moment_position,
    )
    portions = call.use_cases.contacts.timeline(query)
    first: list[TimelineEvent] = await anext(portions, [])  # a fault that shows here still gets an error answer
    response = await begin(call.request, b'{"status":"success","events":[')
    last = await write_items(response, first, portions, event_object, asked.limit)
    return await end(response, b"]" + (b"" if asked.limit is None else _pagination(asked, last)) + b"}")


def _pagination(asked: TimelineParameters, last: TimelineEvent | None) -> bytes:
    behind = (last.timestamp, last.event_id) if last else None
    return b',"pagination":' + orjson.dumps({"limit": asked.limit, "next_cursor": asked.next_cursor(behind)})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/contacts/events/{contact_id}",
        Scope.CONTACTS_READ,
        contact_events,
        "All events of a contact.",
        query=TimelineParameters,
        answer=EventsAnswer,
    ),
)
