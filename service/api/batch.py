"""Routes under /v1/batch: several contacts in one request."""

import orjson
from aiohttp import web

from schemas.answers import BatchActivityAnswer, BatchDetailsAnswer
from schemas.batch import BatchActivity, BatchDetails
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.api.streaming import begin, end, write_items
from service.contacts.view import contact_object
from service.profile.view import profile_object
from service.timeline.query import TimelineQuery
from service.timeline.view import event_object


async def batch_details(call: Call) -> web.Response:
    """Contacts with their unified profiles, in the order asked; ids that are not there are left out."""
    asked: BatchDetails = call.body
    found = await call.use_cases.batch.details(call.tenant_id, asked.contact_ids)
    return success(
        contacts=[
            {"contact": contact_object(contact, profile), "unified_profile": profile_object(contact, profile)}
            for contact, profile in found
        ]
    )


async def batch_activity(call: Call) -> web.StreamResponse:
    """The newest events of each contact, in the order asked; ids that are not there are left out. Streamed where they
    are heavy."""
    asked: BatchActivity = call.body
    found = await call.use_cases.batch.activity(call.tenant_id, asked.contact_ids, asked.limit)
    if found.events is None:
        return await _stream_activity(call, found.contact_ids, asked.limit)
    return success(
        activity=[
            {"contact_id": one, "events": [event_object(event) for event in found.events.get(one, [])]}
            for one in found.contact_ids
        ]
    )


async def _stream_activity(call: Call, contact_ids: list[str], limit: int) -> web.StreamResponse:
    response = await begin(call.request, b'{"status":"success","activity":[')
    for number, contact_id in enumerate(contact_ids):
        head = orjson.dumps({"contact_id": contact_id})[:-1] + b',"events":['
        await response.write(b"," + head if number else head)
        events = call.use_cases.contacts.timeline(TimelineQuery(call.tenant_id, contact_id, limit=limit))
        await write_items(response, await anext(events, []), events, event_object, None)
        await response.write(b"]}")
    return await end(response, b"]}")


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/batch/details",
        Scope.CONTACTS_READ,
        batch_details,
        "Several contacts with their unified profiles.",
        body=BatchDetails,
        answer=BatchDetailsAnswer,
    ),
    Endpoint(
        "POST",
        "/v1/batch/activity",
        Scope.CONTACTS_READ,
        batch_activity,
        "The newest events of several contacts.",
        body=BatchActivity,
        answer=BatchActivityAnswer,
    ),
)
