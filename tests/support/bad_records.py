"""Values, keys and headers that no consumer should be able to choke on, for each source's topic."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.support.gmail import gmail_message, gmail_value, html_part, multipart, text_part
from tests.support.intercom import BEGAN, Chat, envelope, notification
from tests.support.tracker_fixtures import FIXTURES, hostile_strings

MARK = "7f3a-nobody-may-repeat-this"
"""Stands in what is refused: no log and no reason may have it."""
ABSURD_DATES: list[Any] = [
    "0", "-1", "9" * 30, 10**18, -(2**63), 1e300, "0000-00-00", "99999-01-01T00:00:00Z",
    "Mon, 99 Nov 2026 99:99:99 +9999", "Thu, 1 Jan 1970 00:00:00 +0000", "\u0661\u0662", [], {}, True,
]  # fmt: skip
HEADERS: list[tuple[str, bytes]] = [
    ("dlq-reason", b"mine"), ("x-request-id", b"\xff" * 300), ("traceparent", b"00-not"), ("", b""),
    ("a" * 1000, b"b" * 5000),
]  # fmt: skip
_DEPTH = 100 * 1024
_MB = 1024 * 1024


def headers() -> list[tuple[str, bytes]]:
    """Also each file of the shared folder as a value, and each hostile string as a name and a value."""
    texts = [text for text in hostile_strings() if text.isprintable()]
    return [*HEADERS, *(("file", each) for each in _files()), *((text[:100], text.encode()) for text in texts)]


def keys() -> list[bytes | None]:
    """None last: a record of neither key nor value is what clients like ours cannot send."""
    texts = [text.encode("utf-8", "replace") for text in hostile_strings()]
    return [b"", b"\xff\xfe\x00", b"k" * 100_000, *_files(), *json_texts(), *texts, None]


def values(source: str, tenant_id: str) -> Iterator[bytes | None]:
    """Of everything bad; some of it is valid, if odd."""
    yield from [None, b"", b"null", b"{}", b"[]", b'""', b"0", b"\xff\xfe", b"\x00", MARK.encode()]
    yield from (text.encode("utf-8", "replace") for text in hostile_strings())
    yield from _files()
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * _DEPTH + b"1" + closing * _DEPTH
        yield from (deep, opening * _DEPTH, *_around(source, tenant_id, deep))
    for text in json_texts():
        yield text
        yield from _around(source, tenant_id, text)
    for change in (
        {"tenant_id": f"no tenant {MARK}"}, {"tenant_id": None}, {f"unknown {MARK}": 1}, {"tenant_id": "$where"},
    ):  # fmt: skip
        yield json.dumps({"tenant_id": tenant_id, **change}).encode()
    yield from {"tracker": _tracker, "gmail": _gmail, "intercom": _intercom}[source](tenant_id)


def good(source: str, tenant_id: str, number: int) -> bytes:
    """A neighbour that must be stored."""
    if source == "gmail":
        return gmail_value(gmail_message(f"good{number}", mail_id=f"<good{number}@example.com>"), tenant_id=tenant_id)
    if source == "intercom":
        return envelope(Chat(conversation_id=f"good{number}").created(), tenant_id)
    told = {"tenant_id": tenant_id, "event": "page_view", "visitorId": "v", "message_id": f"good{number}"}
    return json.dumps(told).encode()


def json_texts() -> list[bytes]:
    """Of a public collection for parsers, where it is; a few of the same kinds, everywhere."""
    made_up = [
        b"[1,]",
        b'{"a":1,"a":2}',
        b"[1e999]",
        b'"\\ud800"',
        b"[NaN]",
        b'"\xe9"',
        b"\xef\xbb\xbf1",
        b"[1]x",
        b"-",
    ]
    path = FIXTURES / "hostile-input" / "json_parsing_a.base64.json"
    public = json.loads(path.read_text()).values() if path.is_file() else []
    return made_up + [base64.b64decode(text) for text in public]


def _files() -> Iterator[bytes]:
    """Each file of the shared folder as it is: none of them is a record of ours."""
    for folder in ("rfc5322", "gmail", "intercom", "hostile-input"):
        for path in sorted((FIXTURES / folder).glob("*")):
            yield path.read_bytes()


def _around(source: str, tenant_id: str, text: bytes) -> Iterator[bytes]:
    """Our envelope with this in the provider's place, and deep inside what the provider sends."""
    begin = b'{"tenant_id":"%b",' % tenant_id.encode()
    if source == "tracker":
        yield begin + b'"event":"e","data":' + text + b"}"
        yield begin + b'"event":"e","data":{"a":' + text + b"}}"
    elif source == "gmail":
        begin += b'"mailbox":"rep@ours.example","kind":"message","message":'
        yield begin + text + b"}"
        yield (
            begin + b'{"id":"j","payload":{"headers":[{"name":"From","value":' + text + b'}],"parts":[' + text + b"]}}}"
        )
    else:
        yield begin + b'"conversation":' + text + b"}"
        yield (
            begin
            + b'"notification":{"topic":"event.created","data":{"item":{"event_name":"e","metadata":'
            + text
            + b"}}}}"
        )


def _tracker(tenant_id: str) -> Iterator[bytes]:
    def record(**told: Any) -> bytes:
        return json.dumps({"tenant_id": tenant_id, "event": "page_view", "visitorId": "v", **told}).encode()

    for text in hostile_strings():
        yield record(event=text, visitorId=text, url=text, userAgent=text, referrer=text, data={text: text})
    yield from (record(timestamp=date) for date in ABSURD_DATES)
    yield record(data={"text": "x" * 5 * _MB})
    yield record(userAgent="x" * 5 * _MB)


def _gmail(tenant_id: str) -> Iterator[bytes]:
    def record(message_id: str, mailbox: str = "rep@ours.example", **told: Any) -> bytes:
        fields = {"mail_id": f"<{message_id}@example.com>", **told}
        return gmail_value(gmail_message(message_id, **fields), tenant_id=tenant_id, mailbox=mailbox)

    for number, text in enumerate(hostile_strings()):
        everywhere = {"sender": text, "to": text, "cc": text, "subject": text, "date": text, "snippet": text}
        yield record(f"h{number}", **everywhere, payload=multipart(text, text_part(text), html_part(text)))
        yield record(f"i{number}", thread_id=text, mail_id=text, mailbox=text, headers=[(text, text)])
        yield gmail_value({"id": text, "labelIds": [text], "historyId": text}, kind="labels", tenant_id=tenant_id)
    for number, date in enumerate(ABSURD_DATES):
        yield record(f"d{number}", internal_date=date, date=str(date))
    whole = html_part("<p>" + "h\u00e9llo " * 50 + "</p>")
    for cut in (1, 2, 3, 5, 101):
        part = whole | {"body": {"data": whole["body"]["data"][:-cut] + "!" * (cut % 2)}}
        yield record(f"b{cut}", payload=part)
    large = ("x" * 5 * _MB, "<div>" * _MB, "&lt;" * _MB, "<p>x</p>" * (5 * _MB // 8))
    for number, text in enumerate(large):
        yield record(f"l{number}", payload=multipart("alternative", text_part(text), html_part(text)))
    yield record("many", payload=multipart("mixed", *[text_part("x")] * 20_000), to=", ".join(["a@b.example"] * 20_000))


def _intercom(tenant_id: str) -> Iterator[bytes]:
    for number, text in enumerate(hostile_strings()):
        chat = Chat(f"h{number}", contact_id=text or "c", email=text, name=text, first_body=text, subject=text)
        yield envelope(chat.user_replied(8001, BEGAN, text), tenant_id)
        yield envelope(notification(text, {"type": text, "id": text, "email": text}), tenant_id)
        yield envelope(Chat(f"h{number}", extra={"state": text, "contacts": text, "source": text}).rest([]), tenant_id)
    for number, date in enumerate(ABSURD_DATES):
        told = Chat(f"d{number}", extra={"created_at": date, "updated_at": date}).user_replied(8001, BEGAN)
        part = told["data"]["item"]["conversation_parts"]["conversation_parts"][0]
        part |= {"created_at": date, "updated_at": date}
        yield envelope(told | {"created_at": date}, tenant_id)
    for number, text in enumerate(("x" * 5 * _MB, "<div>" * _MB, "<p>x</p>" * (5 * _MB // 8))):
        yield envelope(Chat(f"l{number}").user_replied(8001, BEGAN, text), tenant_id)
