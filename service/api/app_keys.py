"""What the application and its requests carry, by aiohttp's typed keys (no API keys: those are in `service.access`)."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from service.access.keys import AccessKeys
from service.actions.execute import ActionExecutor
from service.actions.read import ActionReader
from service.contacts.batch import BatchReader
from service.contacts.create import ContactCreator
from service.contacts.delete import ContactDeleter
from service.contacts.edit import ContactEditor
from service.contacts.identify import ContactIdentifier
from service.contacts.list import ContactLister
from service.contacts.read import ContactReader
from service.conversations.read import ConversationReader
from service.erasure.begin import ErasureBeginner
from service.idempotency.answers import RememberedAnswers
from service.intake.intercom import IntercomIntake
from service.intake.track import TrackIntake
from service.notes.read import NoteReader
from service.notes.write import NoteWriter
from service.timeline.list import EventLister


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything a route may call, built by the composition root."""

    access_keys: AccessKeys
    answers: RememberedAnswers
    create_contact: ContactCreator
    edit_contact: ContactEditor
    delete_contact: ContactDeleter
    begin_erasure: ErasureBeginner
    identify: ContactIdentifier
    notes: NoteReader
    write_notes: NoteWriter
    actions: ActionReader
    execute_action: ActionExecutor
    contacts: ContactReader
    list_contacts: ContactLister
    batch: BatchReader
    events: EventLister
    conversations: ConversationReader
    track: TrackIntake
    intercom: IntercomIntake


USE_CASES: web.AppKey[UseCases] = web.AppKey("use_cases", UseCases)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
"""Key of the request id on a request."""
TRACEPARENT: web.RequestKey[str] = web.RequestKey("traceparent", str)
"""Key of the W3C trace context on a request."""
DEADLINE: web.RequestKey[asyncio.Timeout] = web.RequestKey("deadline", asyncio.Timeout)
"""Key of when the request must have been answered; a stream that has begun has none."""
ANSWER_HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("answer_headers", dict)
"""Key of headers that the answer will have, whatever it is."""
STREAM_BEGUN: web.RequestKey[bool] = web.RequestKey("stream_begun", bool)
"""Key on a request whose answer has been sent in part: it can only be ended or dropped."""
