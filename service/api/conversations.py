"""Routes that read a contact's conversations."""

from collections.abc import AsyncIterator

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from schemas.answers import ConversationsAnswer, EmailThreadsAnswer
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.api.streaming import begin, end
from service.conversations.model import Thread
from service.conversations.view import email_thread_object, message_object, thread_object


class ConversationParameters(BaseModel):
    """The query of `GET /v1/contacts/:contact_id/conversations`."""

    model_config = ConfigDict(extra="forbid")

    include_messages: bool = Field(default=False, description="Include the message bodies, not just thread metadata.")
    messages_per_thread: int = Field(5, ge=1, le=100, description="The newest of each, with include_messages=true.")
    limit: int = Field(20, ge=1, le=100, description="Total threads to return.")


class EmailThreadParameters(BaseModel):
    """The query of `GET /v1/contacts/:contact_id/email-threads`."""

    model_config = ConfigDict(extra="forbid")

    limit: int | None = Field(None, ge=1, le=1000, description="At most so many; all of them if left out.")


async def conversations(call: Call) -> web.StreamResponse:
    """Threads over all sources, newest first; with messages, streamed."""
    asked: ConversationParameters = call.query
    threads = await call.use_cases.conversations.conversations(
        call.tenant_id, call.request.match_info["contact_id"], asked.limit
    )
    shown = [(thread, thread_object(thread, thread.shown)) for thread in threads if thread.shown]
    if not asked.include_messages:
        return success(conversations=[body for _, body in shown])
    response = await begin(call.request, b'{"status":"success","conversations":[')
    for number, (thread, body) in enumerate(shown):
        head = orjson.dumps(body)[:-1] + b',"messages":['
        await response.write(b"," + head if number else head)
        await _write_messages(call, response, thread, asked.messages_per_thread)
        await response.write(b"]}")
    return await end(response, b"]}")


async def _write_messages(call: Call, response: web.StreamResponse, thread: Thread, newest: int) -> None:
    begun = False
    async for portion in call.use_cases.conversations.messages(thread, newest):
        for message in portion:
            body = orjson.dumps(message_object(message))
            await response.write(b"," + body if begun else body)
            begun = True


async def email_threads(call: Call) -> web.StreamResponse:
    """Gmail threads, compact, newest first, streamed."""
    asked: EmailThreadParameters = call.query
    portions = await call.use_cases.conversations.email_threads(
        call.tenant_id, call.request.match_info["contact_id"], asked.limit
    )
    portion: list[Thread] = await anext(portions, [])  # a fault that shows here still gets an error answer
    response = await begin(call.request, b'{"status":"success","threads":[')
    await _write_threads(response, portion, portions)
    return await end(response, b"]}")


async def _write_threads(
    response: web.StreamResponse, portion: list[Thread], portions: AsyncIterator[list[Thread]]
) -> None:
    begun = False
    while portion:
        bodies = [email_thread_object(thread, thread.mailbox) for thread in portion if thread.mailbox]
        chunk = b",".join(orjson.dumps(body) for body in bodies)
        await response.write(b"," + chunk if begun else chunk)
        begun, portion = True, await anext(portions, [])


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
