"""The route of identification."""

from aiohttp import web

from schemas.answers import IdentifyAnswer
from schemas.errors import ErrorCode
from schemas.identify import Identify
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.contacts.identify import Identified
from service.contacts.view import contact_object


async def identify(call: Call) -> web.Response:
    """200 with the contact (null where nobody is known), and whether it is new."""
    return _answer(await call.use_cases.identify(call.caller(_answer), call.body))


def _answer(found: Identified) -> web.Response:
    contact = contact_object(found.contact, found.profile) if found.contact else None
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
