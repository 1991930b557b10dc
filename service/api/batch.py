"""Routes under /v1/batch: several contacts in one request."""

from aiohttp import web

from schemas.answers import BatchActivityAnswer, BatchDetailsAnswer
from schemas.batch import BatchActivity, BatchDetails
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.contacts.view import contact_object
from service.profile.view import profile_object
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


async def batch_activity(call: Call) -> web.Response:
    """The newest events of each contact, in the order asked; ids that are not there are left out."""
    asked: BatchActivity = call.body
    found = await call.use_cases.batch.activity(call.tenant_id, asked.contact_ids, asked.limit)
    return success(
        activity=[
            {"contact_id": contact_id, "events": [event_object(event) for event in events]}
            for contact_id, events in found
        ]
    )


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
