"""Routes of one contact."""

import re

import orjson
from aiohttp import web
from pydantic import Field

from schemas.answers import ContactAnswer, ContactDetailAnswer, Success
from schemas.contacts import CreateContact, UpdateContact
from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.actions.view import action_object
from service.api.endpoint import Call, Endpoint, success
from service.api.errors import RequestRefusedError
from service.api.streaming import begin, end, write_items
from service.api.validation import Parameters
from service.contacts.edit import Edit
from service.contacts.model import Contact
from service.contacts.view import contact_object
from service.profile.view import profile_object
from service.timeline.model import TimelineEvent
from service.timeline.view import event_object

_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')


async def create_contact(call: Call) -> web.Response:
    """201 with the contact."""
    return _created(await call.use_cases.create_contact(call.caller(_created), call.body))


async def get_contact(call: Call) -> web.StreamResponse:
    """The contact with what belongs beside it; streamed where its events are heavy."""
    detail = await call.use_cases.contacts.detail(call.tenant_id, call.part("contact_id"))
    parts: dict[str, object] = {
        "contact": contact_object(detail.contact, detail.profile),
        "unified_profile": profile_object(detail.contact, detail.profile),
        "actions": [action_object(action) for action in detail.actions],
    }
    if detail.events is not None:
        return success(200, etag(detail.contact), **parts, events=[event_object(event) for event in detail.events])
    portions = call.use_cases.contacts.recent_events(detail.contact)
    first: list[TimelineEvent] = await anext(portions, [])  # a fault that shows here still gets an error answer
    head = orjson.dumps({"status": "success", **parts})[:-1] + b',"events":['
    response = await begin(call.request, head, etag(detail.contact))
    await write_items(response, first, portions, event_object, None)
    return await end(response, b"]}")


async def update_contact(call: Call) -> web.Response:
    """200 with the contact as it is then."""
    edit = Edit(call.body, expected_version(call.request))
    merged = await call.use_cases.edit_contact(call.caller(), call.part("contact_id"), edit)
    profile = await call.use_cases.contacts.profile(call.tenant_id, merged.contact.contact_id)
    return success(200, etag(merged.contact), contact=contact_object(merged.contact, profile))


class DeleteQuery(Parameters):
    """How a contact is deleted."""

    erase: bool = Field(
        default=False,
        description="Erase the person: everything that is stored of it, in its history, in conversations with others"
        " and in the change feed; and keep out what comes of it later. Needs the scope `contacts:erase` instead.",
    )


async def delete_contact(call: Call) -> web.Response:
    """200 without more. The contact is gone at once; with `erase=true` all that is stored of the person goes within
    moments, and until then lists show none of it.
    """
    expected = expected_version(call.request)
    end = call.use_cases.begin_erasure.of_contact if call.query.erase else call.use_cases.delete_contact
    await end(call.caller(), call.part("contact_id"), expected)
    return success()


def _created(contact: Contact) -> web.Response:
    location = {"Location": f"/v1/contacts/{contact.contact_id}"}
    return success(201, {**etag(contact), **location}, contact=contact_object(contact, None))


def etag(contact: Contact) -> dict[str, str]:
    """The contact's version as a header."""
    return {"ETag": f'"{contact.version}"'}


def expected_version(request: web.Request) -> int | None:
    """What `If-Match` asks for. Raises RequestRefusedError for what no ETag of ours looks like."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    match = _ETAG.fullmatch(given.strip())
    if match is None:
        sentence = 'If-Match must be one ETag that this service gave, such as "3", or *.'
        raise RequestRefusedError(400, ErrorCode.VALIDATION_FAILED, sentence)
    return int(match[1])


_TAKEN = (ErrorCode.EMAIL_TAKEN, ErrorCode.VISITOR_ID_TAKEN)
_ONE = "/v1/contacts/{contact_id}"

ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/contacts",
        Scope.CONTACTS_WRITE,
        create_contact,
        "Create a contact.",
        body=CreateContact,
        answer=ContactAnswer,
        status=201,
        headers=("ETag", "Location"),
        errors=_TAKEN,
    ),
    Endpoint(
        "GET",
        _ONE,
        Scope.CONTACTS_READ,
        get_contact,
        "A contact in detail.",
        answer=ContactDetailAnswer,
        headers=("ETag",),
    ),
    Endpoint(
        "PUT",
        _ONE,
        Scope.CONTACTS_WRITE,
        update_contact,
        "Update a contact (merge).",
        body=UpdateContact,
        answer=ContactAnswer,
        headers=("ETag",),
        errors=_TAKEN,
        if_match=True,
    ),
    Endpoint(
        "DELETE",
        _ONE,
        Scope.CONTACTS_WRITE,
        delete_contact,
        "Remove a contact and its notes, or erase a person.",
        query=DeleteQuery,
        answer=Success,
        errors=(ErrorCode.ERASURE_NOT_SET_UP,),
        if_match=True,
        flagged=("erase", Scope.CONTACTS_ERASE),
    ),
)
