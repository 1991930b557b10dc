"""Routes under /v1/contacts."""

from aiohttp import web

from schemas.contacts import CreateContact
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.contacts.model import Contact
from service.contacts.view import contact_object
from service.profile.view import profile_object
from service.timeline.view import event_object


async def create_contact(call: Call) -> web.Response:
    """201 with the contact."""
    contact, profile = await call.use_cases.create_contact(call.caller, call.body)
    return success(201, _etag(contact), contact=contact_object(contact, profile))


async def get_contact(call: Call) -> web.Response:
    """The contact with what belongs beside it."""
    detail = await call.use_cases.contacts.detail(call.tenant_id, call.request.match_info["contact_id"])
    return success(
        200,
        _etag(detail.contact),
        contact=contact_object(detail.contact, detail.profile),
        unified_profile=profile_object(detail.contact, detail.profile),
        actions=[],
        events=[event_object(event) for event in detail.events],
    )


def _etag(contact: Contact) -> dict[str, str]:
    return {"ETag": f'"{contact.version}"'}


ENDPOINTS = (
    Endpoint("POST", "/v1/contacts", Scope.CONTACTS_WRITE, create_contact, "Create a contact.", body=CreateContact),
    Endpoint("GET", "/v1/contacts/{contact_id}", Scope.CONTACTS_READ, get_contact, "A contact in detail."),
)
