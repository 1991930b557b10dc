"""What the application carries, by typed key."""

from dataclasses import dataclass

from aiohttp import web

from service.access.keys import AccessKeys
from service.contacts.create import ContactCreator
from service.contacts.read import ContactReader


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything a route may call, built by the composition root."""

    access_keys: AccessKeys
    create_contact: ContactCreator
    contacts: ContactReader


USE_CASES: web.AppKey[UseCases] = web.AppKey("use_cases", UseCases)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
"""Key of the request id on a request."""
STREAM_BEGUN: web.RequestKey[bool] = web.RequestKey("stream_begun", bool)
"""Key on a request whose answer has been sent in part: it can only be ended or dropped."""
