"""What sources of conversations send: made up here, and, where the shared folder is, real.

Nothing of the folder is copied; in a clone elsewhere only what is made up is there.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.outcomes import InvalidRecordError, Record
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS
from service.conversations.incoming import Delivery
from tests.support.gmail import (
    RECEIVED,
    Resource,
    gmail_message,
    gmail_value,
    html_part,
    metadata_of,
    minimal_of,
    multipart,
    resource_of,
    text_part,
)
from tests.support.intercom import ADMIN, BEGAN, CLOSED, Chat, Json, Step, envelope, key_of
from tests.support.tracker_fixtures import FIXTURES

TOLERANCE = timedelta(hours=1)
PEOPLE = ["ada@example.com", "eve@example.com"]
MAILBOXES = ["rep@ours.example", "boss@ours.example"]
_NORMALISE = {"gmail": normalise_gmail, "intercom": normalise_intercom}
_TOPIC = {"gmail": GMAIL_MESSAGES, "intercom": INTERCOM_EVENTS}
_NO_PAYLOADS = ("schemas", "rest_2.14_conversation_list", "rest_2.14_visitor")
"""Files of the folder that hold no single payload, or no conversation's."""


@dataclass(frozen=True)
class Sent:
    """A record of one source, without its tenant; `name` says to a reader where it comes from."""

    source: str
    name: str
    payload: Json
    kind: str = "message"
    mailbox: str = ""

    def value(self, tenant_id: str) -> bytes:
        if self.source == "gmail":
            return gmail_value(self.payload, kind=self.kind, mailbox=self.mailbox, tenant_id=tenant_id)
        return envelope(self.payload, tenant_id)

    @property
    def key(self) -> bytes:
        return self.mailbox.encode() if self.source == "gmail" else key_of(self.payload)

    def __repr__(self) -> str:
        return f"<{self.source} {self.name}>"


def delivery_of(sent: Sent, tenant_id: str, received: datetime = RECEIVED) -> Delivery:
    """What the consumer makes of it. Raises InvalidRecordError."""
    record = Record(_TOPIC[sent.source], 0, 0, sent.key, sent.value(tenant_id), received)
    return _NORMALISE[sent.source](record, TOLERANCE)


# --- made up: two mailboxes that share some mails, two conversations --------------------------------------------------


def _mail(number: int) -> Resource:
    """A mail's content never changes: its number decides what it is."""
    when = str(1_795_424_400_000 + 60_000 * number)
    if number == 0:
        return gmail_message("g0", thread_id="t0", subject="Order 17", mail_id="<0@example.com>", internal_date=when)
    if number == 1:
        both = "Ada <ada@example.com>, eve@example.com"
        reply = [("In-Reply-To", "<0@example.com>"), ("References", "<0@example.com>")]
        body = multipart("alternative", text_part("On its way"), html_part("<p>On its <b>way</b></p>"))
        sender = "Rep <rep@ours.example>"
        return gmail_message(
            "g1", thread_id="t0", sender=sender, to=both, mail_id="<1@ours.example>", subject="Re: Order 17",
            internal_date=when, labels=["SENT"], payload=body, headers=reply,
        )  # fmt: skip
    if number == 2:
        return gmail_message("g2", thread_id="t2", sender="eve@example.com", mail_id="", date=None, internal_date=None)
    return gmail_message(
        "g3", thread_id="t0", cc="Boss <boss@ours.example>, ADA@example.com",
        sender="=?utf-8?q?=C3=89ve?= <eve@example.com>", mail_id="<3@example.com>", internal_date=None,
        date="Mon, 23 Nov 2026 09:03:00 +0000",
    )  # fmt: skip


_LABELS: tuple[list[str], ...] = (["INBOX"], ["SENT"], ["SENT", "INBOX"], [], ["TRASH", "INBOX"], ["SPAM"], ["DRAFT"])


def _mail_sent(mailbox: str, number: int, form: str, labels: list[str], history: int) -> Sent:
    whole = _mail(number) | {"labelIds": labels, "historyId": str(history)}
    name = f"{form} of mail {number} in {mailbox}: {labels} at {history}"
    if form == "labels":
        return Sent("gmail", name, {"id": whole["id"], "labelIds": labels, "historyId": str(history)}, form, mailbox)
    if form == "deleted":
        return Sent("gmail", name, {"id": whole["id"], "threadId": whole["threadId"]}, form, mailbox)
    cut = {"full": whole, "metadata": metadata_of(whole), "minimal": minimal_of(whole)}[form]
    return Sent("gmail", name, cut, "message", mailbox)


gmail_sent = st.builds(
    _mail_sent,
    st.sampled_from(MAILBOXES),
    st.integers(0, 3),
    st.sampled_from(["full", "full", "full", "metadata", "minimal", "labels", "deleted"]),
    st.sampled_from(_LABELS),
    st.integers(100, 103),
)

_STEPS = [
    Step(8001, "conversation.user.replied", "comment", BEGAN + 60, "<p>It is late.</p>", redacted_at=BEGAN + 600),
    Step(8002, "conversation.admin.noted", "note", BEGAN + 120, "<p>A difficult one.</p>", ADMIN),
    Step(8003, "conversation.admin.assigned", "assignment", BEGAN + 180, "<p>I take it.</p>", ADMIN),
    Step(8004, "conversation.admin.assigned", "assignment", BEGAN + 240, None, ADMIN),
    Step(8005, "conversation.admin.closed", "close", BEGAN + 300, "<p>Done.</p>", ADMIN, CLOSED),
]


def _chat_sent(api: int, conversation: int, known: bool, by_admin: bool, what: str, number: int) -> Sent:
    chat = Chat(
        conversation_id=f"900{conversation}",
        contact_id=f"665f{conversation}",
        email=PEOPLE[conversation] if known else None,
        by_admin=by_admin,
        api=api,
    )
    step = _STEPS[number]
    payload = {
        "created": chat.created(),
        "told": chat.told(step),
        "redacted": chat.part_redacted(_STEPS[0], BEGAN + 600),
        "rest": chat.rest(_STEPS[: number + 1]),
        "contact": chat.contact_created(),
        "deleted": chat.deleted(BEGAN + 900),
    }[what]
    known_name = "known" if known else "unknown"
    return Sent("intercom", f"{what} {number} of conversation {conversation}, {api}.x, {known_name}", payload)


intercom_sent = st.builds(
    _chat_sent,
    st.sampled_from([1, 2]),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["created", "told", "told", "told", "redacted", "rest", "contact", "deleted"]),
    st.integers(0, len(_STEPS) - 1),
)
made_up = gmail_sent | intercom_sent


def traffic(mails: int, chats: int) -> list[Sent]:
    """Of two busy mailboxes and a busy workspace, by and by; the people are `person0@example.com` to `person19…`."""
    sent: list[Sent] = []
    for number in range(mails):
        sent += _one_mail(number)
    for number in range(chats):
        chat = Chat(f"{5000 + number}", f"c{number}", f"person{number % 20}@example.com", api=1 + number % 2)
        unknown = replace(chat, email=None)
        told = [unknown.created(), *(unknown.told(step) for step in _STEPS), chat.contact_created()]
        told += [chat.part_redacted(_STEPS[0], BEGAN + 600)] if number % 3 == 0 else []
        told += [chat.rest(_STEPS)] if number % 4 == 0 else []
        told += [chat.deleted(BEGAN + 900)] if number % 9 == 0 else []
        sent += [Sent("intercom", f"{place} of chat {number}", payload) for place, payload in enumerate(told)]
    return sent


def _one_mail(number: int) -> Iterable[Sent]:
    """A mail, and what became of it."""
    box, other = MAILBOXES[number % 2], MAILBOXES[1 - number % 2]
    when = str(1_700_000_000_000 + 60_000 * number)
    mail = gmail_message(
        f"m{number}",
        thread_id=f"t{number // 4}",
        sender=f"person{number % 20}@example.com",
        to=", ".join(MAILBOXES),
        subject=f"Subject {number // 4}",
        mail_id=f"<{number}@example.com>",
        internal_date=when,
    )
    yield Sent("gmail", f"mail {number}", mail, mailbox=box)
    if number % 3 == 0:
        copy = mail | {"id": f"copy{number}", "threadId": f"copy{number}"}
        yield Sent("gmail", f"copy of mail {number}", copy, mailbox=other)
    for version, labels in ((101, ["TRASH"]), (102, ["INBOX"])):
        if number % (5 if version == 101 else 10) == 0:
            told = {"id": mail["id"], "labelIds": labels, "historyId": str(version)}
            yield Sent("gmail", f"labels {version} of mail {number}", told, "labels", box)
    if number % 11 == 0:
        yield Sent("gmail", f"end of mail {number}", {"id": mail["id"]}, "deleted", box)


# --- real ones --------------------------------------------------------------------------------------------------------


def real() -> list[Sent]:
    """Every payload of the folder that is one; the first few mails are in a second mailbox, too, under other ids."""
    mails = [*_gmail_fixtures(), *_rfc5322_fixtures()]
    copies = [
        Sent(one.source, f"{one.name} again", one.payload | {"id": f"copy-{number}", "threadId": f"copy-{number}"},
             one.kind, MAILBOXES[1])
        for number, one in enumerate(mails[:20])
    ]  # fmt: skip
    return [*mails, *copies, *_intercom_fixtures()]


def _gmail_fixtures() -> Iterable[Sent]:
    for path in sorted((FIXTURES / "gmail").glob("*.json")):
        if "schemas" not in path.name:
            yield Sent("gmail", path.stem, json.loads(path.read_text()), "message", MAILBOXES[0])


def _rfc5322_fixtures() -> Iterable[Sent]:
    for path in sorted((FIXTURES / "rfc5322").glob("*.eml")):
        resource = resource_of(path.read_bytes(), path.stem) | {"threadId": path.stem.partition("__")[0]}
        yield Sent("gmail", path.stem, resource, "message", MAILBOXES[0])


def _intercom_fixtures() -> Iterable[Sent]:
    for path in sorted((FIXTURES / "intercom").glob("*.json")):
        if not any(word in path.name for word in _NO_PAYLOADS):
            yield Sent("intercom", path.stem, json.loads(path.read_text()))
    listed = FIXTURES / "intercom" / "intercom_rest_2.14_conversation_list.json"
    if listed.is_file():
        for number, one in enumerate(json.loads(listed.read_text())["conversations"]):
            yield Sent("intercom", f"{listed.stem} {number}", one)


def frequent_addresses(sent: Iterable[Sent], many: int) -> list[str]:
    """The addresses that most of them concern."""
    found: Counter[str] = Counter()
    for one in sent:
        try:
            told = delivery_of(one, "t")
        except InvalidRecordError:
            continue
        found.update({address for fact in told.messages if fact.content for address in fact.content.addresses})
        found.update({email for fact in told.persons for email in fact.emails})
    return [address for address, _ in found.most_common(many)]
