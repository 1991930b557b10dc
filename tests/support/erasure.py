"""A person with everything, whose every trace can be told wherever it is; others beside; and the whole database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from consumers.conversations import ConversationHandler
from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.outcomes import Handler, Record
from consumers.tracker.handler import TrackerHandler
from deploy.bootstrap import Core
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS, TRACKER_EVENTS
from service.erasure.guard import ErasureGuard
from service.erasure.marks import Marker
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.gmail import RECEIVED, gmail_message, gmail_value, html_part, multipart, text_part
from tests.support.intercom import BEGAN, Chat, Step, envelope, key_of

SECRET = "a secret of the tests, long enough"
TOLERANCE = timedelta(hours=1)
EMAIL, OLD_EMAIL = "adalind.lovelock@persons.example", "adalind@former.example"
EVE = "eve@others.example"
VISITOR, EXTERNAL, PERSON = "v-ada-5512", "crm-ada-8841", "665fada0000000000000001"
PHONE = "+44 20 7946 0011"
MAIL = "Where is the purple umbrella that I ordered?\r\nIt was to be a present for my aunt."
MAIL_TEXTS = ("purple umbrella", "present for my aunt")
CHAT = "My parcel smells of lavender"
TRACES = (
    *(EMAIL, OLD_EMAIL, "adalind", "lovelock", VISITOR, EXTERNAL, PERSON, PHONE, *MAIL_TEXTS, CHAT),
    *("prefers zeppelins", "umbrella page", "paid in doubloons", "sess-ada-1"),
)
"""Texts that are nobody else's: whoever finds one has found the person."""
EVES = "Mine came on Tuesday, and it is green."
_SIGNED = f"Adalind Lovelock <{EMAIL}>"


def guard() -> ErasureGuard:
    return ErasureGuard(Marker(SECRET))


@dataclass
class Sources:
    """Records as their sources send them, each kept, so that it can be sent again."""

    core: Core
    tenant_id: str
    sent: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        core = self.core
        self.handlers: dict[str, Handler] = {
            TRACKER_EVENTS: TrackerHandler(core.ingest, TOLERANCE),
            GMAIL_MESSAGES: ConversationHandler(
                "gmail", GMAIL_MESSAGES, normalise_gmail, core.ingest_conversations, TOLERANCE
            ),
            INTERCOM_EVENTS: ConversationHandler(
                "intercom", INTERCOM_EVENTS, normalise_intercom, core.ingest_conversations, TOLERANCE
            ),
        }
        self._offset = 0

    async def send(self, topic: str, key: bytes, value: bytes, at: datetime = RECEIVED) -> None:
        """A record that comes for the first time."""
        record = Record(topic, 0, self._offset, key, value, at)
        self.sent.append(record)
        await self.handle([record])

    async def again(self, at: datetime | None = None) -> None:
        """All of them once more: as Kafka would redeliver them, or as sources would send them `at` a later time."""
        await self.handle([replace_time(one, at) for one in self.sent])

    async def handle(self, records: Sequence[Record]) -> None:
        for record in records:
            counted = record._replace(offset=self._offset)
            self._offset += 1
            assert await self.handlers[record.topic].handle([counted]) == []

    async def visit(self, visitor: str = VISITOR, at: datetime = RECEIVED, **fields: Any) -> None:
        told = {
            "tenant_id": self.tenant_id,
            "event": "page_view",
            "visitorId": visitor,
            "timestamp": at.isoformat(),
            "data": {"title": "Umbrella page"},
            "message_id": f"m-{len(self.sent)}",
            **fields,
        }
        await self.send(TRACKER_EVENTS, visitor.encode(), orjson.dumps(told), at)

    async def mail(self, message_id: str, **fields: Any) -> None:
        at = fields.pop("at", RECEIVED)
        value = gmail_value(gmail_message(message_id, mail_id=f"<{message_id}@x>", **fields), tenant_id=self.tenant_id)
        await self.send(GMAIL_MESSAGES, b"rep@ours.example", value, at)

    async def chat(self, payload: Any) -> None:
        await self.send(INTERCOM_EVENTS, key_of(payload), envelope(payload, self.tenant_id))


def replace_time(record: Record, at: datetime | None) -> Record:
    return record if at is None else record._replace(timestamp=at)


async def shared_thread(sources: Sources) -> None:
    """Ada writes to us and to Eve; Eve answers, and quotes her; we answer Ada alone; Eve writes to us alone."""
    await sources.mail(
        "g1", sender=_SIGNED, cc=f"Eve <{EVE}>", subject="An umbrella", payload=text_part(MAIL), snippet=MAIL[:40]
    )
    quoted = "".join(f"> {line}\r\n" for line in MAIL.split("\r\n"))
    html = f"<p>{EVES}</p><blockquote><div>{MAIL.replace(chr(13) + chr(10), '<br>')}</div></blockquote>"
    body = f"{EVES} Ask Adalind.\r\n\r\nOn Monday, Adalind Lovelock <{EMAIL}> wrote:\r\n{quoted}"
    await sources.mail(
        "g2",
        sender=f"Eve <{EVE}>",
        cc=_SIGNED,
        subject="Re: An umbrella",
        payload=multipart("alternative", text_part(body), html_part(html)),
        snippet=f"{EVES} Ask Adalind. On Monday, Adalind Lovelock wrote: > Where is the purple umbrella",
    )
    await sources.mail("g3", sender="Rep <rep@ours.example>", to=_SIGNED, labels=["SENT"], subject="Re: An umbrella")
    await sources.mail("g4", sender=f"Eve <{EVE}>", subject="Re: An umbrella", payload=text_part("And thank you."))


async def chats(sources: Sources) -> None:
    """A conversation of Ada's own."""
    chat = Chat("9001", PERSON, EMAIL, "Adalind Lovelock", first_body=f"<p>{CHAT}</p>")
    await sources.chat(chat.created())
    await sources.chat(chat.admin_replied(8001, BEGAN + 60, "<p>Dear Adalind, so they do.</p>"))
    await sources.chat(chat.contact_created())
    await sources.chat(chat.rest([Step(8002, "conversation.user.replied", "comment", BEGAN + 90, f"<p>{CHAT}!</p>")]))


async def live(user: ApiUser, sources: Sources) -> str:
    """Ada's life, with every kind of thing that there is; the contact's id."""
    properties = {"firstname": "Adalind", "lastname": "Lovelock", "phone": PHONE, "city": "Rome"}
    await sources.visit(sessionId="sess-ada-1")
    body = {"email": OLD_EMAIL, "properties": properties, "visitor_id": VISITOR}
    reply = await user.post("/v1/contacts", body, headers={"Idempotency-Key": "create-1"})
    contact_id: str = reply.body["contact"]["contact_id"]
    path = f"/v1/contacts/{contact_id}"
    await sources.mail("g0", sender=f"Adalind <{OLD_EMAIL}>", thread_id="t0", payload=text_part(MAIL))
    assert (await user.request("PUT", path, json={"properties": {"email": EMAIL}})).status == 200
    traits = {"external_id": EXTERNAL, "traits": {"email": EMAIL}}
    assert (await user.post("/v1/identify", traits)).status == 200
    await sources.visit(external_contact_id=EXTERNAL, data={"title": "Umbrella page", "email": EMAIL})
    note = {"content": f"Adalind prefers zeppelins, call {PHONE}"}
    assert (await user.post(f"{path}/notes", note, headers={"Idempotency-Key": "note-1"})).status == 201
    params = {"contact_id": contact_id, "lifecycle_stage": "customer", "reason": "paid in doubloons"}
    assert (await user.post("/v1/actions", {"type": "update_lifecycle_stage", "params": params})).status == 201
    await shared_thread(sources)
    await chats(sources)
    return contact_id


async def traces_in(store: MongoStore, traces: Sequence[str] = TRACES) -> list[str]:
    """Where in the whole database something of the person is: `collection: trace`."""
    raw = store.database.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    found: dict[str, None] = {}
    for name in await store.database.list_collection_names():
        async for document in raw[name].find():
            stored = bytes(document.raw).lower()
            found |= {f"{name}: {one}": None for one in traces if one.lower().encode() in stored}
    return sorted(found)
