"""The route of identification."""

from aiohttp import web

from schemas.answers import IdentifyAnswer
from schemas.errors import ErrorCode
from schemas.identify import Identify
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.contacts.identify import Identified
from service.contacts.model import Contact
from service.contacts.view import contact_object


async def identify(call: Call) -> web.Response:
    """200 with the contact (null where nobody is known), and whether it is new."""
    return _answer(await call.use_cases.identify(call.caller(_remembered), call.body))


def _remembered(contact: Contact) -> web.Response:
    # Of what is remembered, only a contact that was made just now is at its first version.
    return _answer(Identified(contact, created=contact.version == 1))


def _answer(found: Identified) -> web.Response:
    contact = contact_object(found.contact, None) if found.contact else None
    return success(
        contact_id=found.contact.contact_id if found.contact else None, contact=contact, created=found.created
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/identify",
        Scope.CONTACTS_WRITE,
        identify,
        "Say that identities are one person's.",
        body=Identify,
        answer=IdentifyAnswer,
        errors=(ErrorCode.IDENTITY_CONFLICT, ErrorCode.IDENTITY_TAKEN, ErrorCode.EMAIL_TAKEN),
    ),
)
