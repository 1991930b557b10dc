"""Mail and Intercom notifications as a workspace gets them: the same for the same run."""

import random
from collections.abc import Iterator
from typing import Any

from tests.support.gmail import attachment_part, gmail_message, gmail_value, html_part, multipart, text_part
from tests.support.intercom import BEGAN, Chat, envelope, key_of

THREAD = 4
"""Messages in a mail thread, and notifications of a conversation."""
_TENANT = "dev"
_MAILBOXES = 5
_WORDS = "the order of last week arrived late and we would like to know when it can be replaced thank you".split()


def address(run: str, person: int) -> str:
    """Of somebody who writes."""
    return f"ada.{run}.{person}@customer-{person % 977}.example.com"


def contact_body(run: str, person: int) -> dict[str, Any]:
    """What a client sends to create the contact who has that address."""
    return {"email": address(run, person), "properties": {"firstname": "Ada", "lastname": f"Lovelace {person}"}}


def mails(run: str, count: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) records: threads of four, half with an HTML body of 3 to 12 KB, a tenth with an attachment."""
    chance = random.Random(run)
    for number in range(count):
        thread = number // THREAD
        mailbox = f"rep{thread % _MAILBOXES}@ours.example"
        person, rep = f"Ada Lovelace <{address(run, thread)}>", f"Rep <{mailbox}>"
        inbound = number % 2 == 0
        message = gmail_message(
            f"{run}-{number}",
            thread_id=f"{run}-t{thread}",
            sender=person if inbound else rep,
            to=rep if inbound else person,
            subject=f"{'Re: ' if number % THREAD else ''}Order {thread}",
            mail_id=f"<{run}.{number}@example.com>",
            labels=("INBOX",) if inbound else ("SENT",),
            history_id=str(1000 + number),
            payload=_payload(chance, number),
        )
        yield mailbox.encode(), gmail_value(message, tenant_id=_TENANT, mailbox=mailbox)


def notifications(run: str, count: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) records: of each conversation its beginning, a reply, ours with some HTML, and its close."""
    chance = random.Random(run)
    for number in range(0, count, THREAD):
        person = number // THREAD
        first = 10 * number
        chat = Chat(
            conversation_id=f"{run}-{person}",
            contact_id=f"{run}-c{person}",
            email=address(run, person),
            first_id=f"{run}-{first}",
            first_body=f"<p>{_text(chance, 60)}</p>",
        )
        told = (
            chat.created(),
            chat.user_replied(first + 1, BEGAN + 60, f"<p>{_text(chance, 40)}</p>"),
            chat.admin_replied(first + 2, BEGAN + 120, _html(chance, 3)),
            chat.admin_closed(first + 3, BEGAN + 180),
        )
        for payload in told[: count - number]:
            yield key_of(payload), envelope(payload, _TENANT)


def _payload(chance: random.Random, number: int) -> dict[str, Any]:
    text = text_part(_text(chance, chance.randrange(30, 300)) + "\r\n")
    body = multipart("alternative", text, html_part(_html(chance, chance.randrange(10, 40)))) if number % 2 else text
    return multipart("mixed", body, attachment_part()) if number % 10 == 0 else body


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words))


def _html(chance: random.Random, rows: int) -> str:
    row = '<tr><td style="padding:4px;color:#333"><a href="https://ours.example/{}">{}</a><br>{}</td></tr>'
    told = [row.format(number, _text(chance, 3), _text(chance, 30)) for number in range(rows)]
    return f"<html><head><style>td {{margin:0}}</style></head><body><table>{''.join(told)}</table></body></html>"
