"""Routes under /v1/events: a tenant's events across contacts, those of deleted contacts too."""

from typing import Literal

import orjson
from aiohttp import web
from pydantic import Field

from schemas.answers import EventListAnswer, EventTypesAnswer
from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.api.paging import End, Instant, PageParameters, Text
from service.api.streaming import begin, end, write_items
from service.timeline.query import EventFilter, EventOrder, EventPageQuery
from service.timeline.view import event_object, event_summary


class EventParameters(PageParameters):
    """The query of `GET /v1/events`."""

    event_type: Text | None = Field(None, description="Only events of this name.")
    contact_id: Text | None = Field(None, description="Only events of this contact, deleted or not.")
    domain: Text | None = Field(None, description="Only events of this domain, compared exactly.")
    url_contains: Text | None = Field(None, description="Only events with this text in their URL, in any case.")
    date_after: Instant | None = Field(None, description="Only events whose timestamp is after this ISO 8601 date.")
    date_before: End | None = Field(None, description="Only events whose timestamp is before this ISO 8601 date.")
    identified_only: bool = Field(default=False, description="Only events that have a contact.")
    search: Text | None = Field(
        None, description="Only events with this text, in any case, in their name, URL, domain, title or subject."
    )
    sort_by: EventOrder = Field(EventOrder.TIMESTAMP, description="When they happened, or when they reached us.")
    sort_dir: Literal["asc", "desc"] = Field("desc", description="Sort direction.")

    def filter(self, tenant_id: str) -> EventFilter:
        """Which events."""
        return EventFilter(
            tenant_id,
            event=self.event_type,
            contact_id=self.contact_id,
            domain=self.domain,
            url_contains=self.url_contains,
            after=self.date_after,
            before=self.date_before,
            identified_only=self.identified_only,
            search=self.search,
        )


async def list_events(call: Call) -> web.StreamResponse:
    """A page of the tenant's events, streamed: memory is bounded whatever they weigh."""
    asked: EventParameters = call.query
    if asked.count_only:
        return success(count=await call.use_cases.events.count(asked.filter(call.tenant_id)))
    query = EventPageQuery(
        asked.filter(call.tenant_id),
        # One more than asked for tells whether there is a next page.
        limit=asked.limit + 1,
        order=asked.sort_by,
        newest_first=asked.sort_dir == "desc",
        offset=asked.offset,
        behind=asked.moment_position,
    )
    page = await call.use_cases.events.page(query, asked.known_total)
    shape = event_summary if asked.fields == "summary" else event_object
    response = await begin(call.request, b'{"status":"success","events":[')
    last = await write_items(response, page.first, page.others, shape, asked.limit)
    pagination = asked.pagination(page.total, query.position_of(last) if last else None)
    return await end(response, b'],"pagination":' + orjson.dumps(pagination) + b"}")


async def event_types(call: Call) -> web.Response:
    """The names of the tenant's events, sorted."""
    return success(event_types=await call.use_cases.events.names(call.tenant_id))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/events",
        Scope.EVENTS_READ,
        list_events,
        "List events.",
        query=EventParameters,
        answer=EventListAnswer,
        errors=(ErrorCode.TOO_SLOW,),
    ),
    Endpoint(
        "GET",
        "/v1/events/types",
        Scope.EVENTS_READ,
        event_types,
        "The names of events.",
        answer=EventTypesAnswer,
    ),
)
