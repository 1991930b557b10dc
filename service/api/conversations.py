"""Routes that read a contact's conversations."""

import orjson
from aiohttp import web
from pydantic import Field

from schemas.answers import ConversationsAnswer, EmailThreadsAnswer
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.api.streaming import begin, end, write_items
from service.api.validation import Parameters
from service.conversations.model import Thread
from service.conversations.view import email_thread_object, message_object, thread_object


class ConversationParameters(Parameters):
    """The query of `GET /v1/contacts/:contact_id/conversations`."""

    include_messages: bool = Field(default=False, description="Include the message bodies, not just thread metadata.")
    messages_per_thread: int = Field(5, ge=1, le=100, description="The newest of each, with include_messages=true.")
    limit: int = Field(20, ge=1, le=100, description="Total threads to return.")


class EmailThreadParameters(Parameters):
    """The query of `GET /v1/contacts/:contact_id/email-threads`."""

    limit: int | None = Field(None, ge=1, le=1000, description="At most so many; all of them if left out.")


async def conversations(call: Call) -> web.StreamResponse:
    """Threads over all sources, newest first; with messages, streamed."""
    asked: ConversationParameters = call.query
    reader = call.use_cases.conversations
    threads = await reader.conversations(call.tenant_id, call.part("contact_id"), asked.limit)
    shown = [(thread, thread_object(thread, thread.shown)) for thread in threads if thread.shown]
    if not asked.include_messages:
        return success(conversations=[body for _, body in shown])
    response = await begin(call.request, b'{"status":"success","conversations":[')
    for number, (thread, body) in enumerate(shown):
        head = orjson.dumps(body)[:-1] + b',"messages":['
        await response.write(b"," + head if number else head)
        messages = reader.messages(thread, asked.messages_per_thread)
        await write_items(response, await anext(messages, []), messages, message_object, None)
        await response.write(b"]}")
    return await end(response, b"]}")


async def email_threads(call: Call) -> web.StreamResponse:
    """Gmail threads, compact, newest first, streamed."""
    asked: EmailThreadParameters = call.query
    reader = call.use_cases.conversations
    portions = await reader.email_threads(call.tenant_id, call.part("contact_id"), asked.limit)
    first: list[Thread] = await anext(portions, [])  # a fault that shows here still gets an error answer
    response = await begin(call.request, b'{"status":"success","threads":[')
    await write_items(response, first, portions, email_thread_object, None)
    return await end(response, b"]}")


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/contacts/{contact_id}/conversations",
        Scope.CONTACTS_READ,
        conversations,
        "A contact's e-mail and Intercom conversations.",
        query=ConversationParameters,
        answer=ConversationsAnswer,
    ),
    Endpoint(
        "GET",
        "/v1/contacts/{contact_id}/email-threads",
        Scope.CONTACTS_READ,
        email_threads,
        "A contact's Gmail threads, compact.",
        query=EmailThreadParameters,
        answer=EmailThreadsAnswer,
    ),
)
