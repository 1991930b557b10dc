"""Every hostile text in every place that takes one: given back exactly as it was stored, or refused clearly.

The texts are the public list of naughty strings and the public lists of e-mail addresses, where they are; and some of
the same kinds, everywhere.
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from schemas.contacts import MAX_NAMED_PROPERTY_LENGTH
from service.api.contact_list import MAX_SEARCH_LENGTH
from tests.support.address_lists import FOLDER, every_text
from tests.support.api import ApiUser, Reply
from tests.support.tracker_fixtures import hostile_strings

TEXTS = list(dict.fromkeys([*hostile_strings(), *every_text()]))
NAMED = "firstname lastname company jobtitle lead_status country industry city state phone website linkedin_url".split()
FILTERS = "lead_status country industry city state job_title".split()
_AT_ONCE = 8


async def with_all(work: Callable[[str], Awaitable[None]], texts: list[str]) -> None:
    """Some at a time; what fails says with which text."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(text: str) -> None:
        async with gate:
            try:
                await work(text)
            except (AssertionError, LookupError) as error:
                raise AssertionError(f"{text!r}: {error}") from None

    async with asyncio.TaskGroup() as tasks:
        for text in texts:
            tasks.create_task(one(text))


def refused(reply: Reply, *statuses: int) -> bool:
    """Whether it is a clear 4xx, one of these. A 2xx is not; anything else fails."""
    if reply.status < 300:
        return False
    assert reply.status in statuses, reply
    assert reply.body["status"] == "error"
    assert reply.body["error"].endswith(".")
    assert reply.body["code"]
    return True


def fresh_email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


async def test_as_email(api: ApiUser) -> None:
    async def work(text: str) -> None:
        reply = await api.post("/v1/contacts", {"email": text})
        if refused(reply, 400, 409):
            return
        contact = reply.body["contact"]
        shown = (await api.get(f"/v1/contacts/{contact['contact_id']}")).body["contact"]
        assert shown["email"] == shown["properties"]["email"] == contact["email"]
        # The same person whichever way it is written: the address that is given back is taken, and so is the one sent.
        for again in (contact["email"], text, f" {text.upper()} "):
            assert (await api.post("/v1/contacts", {"email": again})).status in (400, 409)
        if len(contact["email"]) <= MAX_SEARCH_LENGTH:
            assert (await api.get("/v1/contacts", params={"search": contact["email"]})).body["contacts"]

    await with_all(work, TEXTS)


async def test_as_property_key_and_value(api: ApiUser) -> None:
    async def work(text: str) -> None:
        reply = await api.post("/v1/contacts", {"email": fresh_email(), "properties": {text: text, "free": [text]}})
        if refused(reply, 400):
            assert not 1 <= len(text) <= 128 or text[0] == "$" or "." in text or "\0" in text or text in NAMED, reply
            reply = await api.post("/v1/contacts", {"email": fresh_email(), "properties": {"free": [text]}})
            assert not refused(reply)
        properties = reply.body["contact"]["properties"]
        shown = (await api.get(f"/v1/contacts/{reply.body['contact']['contact_id']}")).body["contact"]["properties"]
        assert shown == properties
        assert shown["free"] == [text]
        assert shown.get(text, text) in (text, [text])

    await with_all(work, TEXTS)


async def test_as_named_property_filter_and_search(api: ApiUser) -> None:
    async def work(text: str) -> None:
        reply = await api.post("/v1/contacts", {"email": fresh_email(), "properties": dict.fromkeys(NAMED, text)})
        if refused(reply, 400):
            assert len(text) > MAX_NAMED_PROPERTY_LENGTH
            return
        contact = reply.body["contact"]
        assert {name: contact["properties"][name] for name in NAMED} == dict.fromkeys(NAMED, text)
        await is_found(contact["contact_id"], text)

    async def is_found(contact_id: str, text: str) -> None:
        filters = dict.fromkeys(FILTERS, text)
        for asked in (filters, {"search": text, "country": text}):
            reply = await api.get("/v1/contacts", params=asked)
            if refused(reply, 400):
                assert not text or "search" in asked
            else:
                assert contact_id in [one["contact_id"] for one in reply.body["contacts"]]

    await with_all(work, TEXTS)


async def test_as_note(api: ApiUser) -> None:
    path = f"/v1/contacts/{(await api.create_contact())['contact_id']}/notes"
    written: dict[str, str] = {}

    async def work(text: str) -> None:
        reply = await api.post(path, {"content": text})
        if refused(reply, 400):
            assert not text.strip()
            return
        assert reply.body["note"]["content"] == text
        written[reply.body["note"]["note_id"]] = text

    await with_all(work, TEXTS)
    notes = (await api.get(path)).body["notes"]
    assert {note["note_id"]: note["content"] for note in notes} == written


async def test_as_visitor_id_and_company_id(api: ApiUser) -> None:
    async def work(text: str) -> None:
        reply = await api.post("/v1/contacts", {"email": fresh_email(), "visitor_id": text})
        if not refused(reply, 400, 409):
            assert reply.body["contact"]["visitor_ids"] == [text.strip()]
        reply = await api.post("/v1/contacts", {"email": fresh_email(), "company_id": text})
        if refused(reply, 400):
            return
        assert reply.body["contact"]["associations"] == {"companies": [text]}
        found = (await api.get("/v1/contacts", params={"company_id": text})).body["contacts"]
        assert [one["contact_id"] for one in found] == [reply.body["contact"]["contact_id"]]

    await with_all(work, TEXTS)


async def test_as_id_in_a_path(api: ApiUser) -> None:
    contact = (await api.create_contact())["contact_id"]
    paths = ("/v1/contacts/{}", "/v1/contacts/events/{}", "/v1/actions/{}")
    note = f"/v1/contacts/{contact}/notes/{{}}"

    async def work(text: str) -> None:
        part = quote(text, safe="")
        for path in paths:
            reply = await api.get(URL(path.format(part), encoded=True))
            # Of `.` and `..` and an empty text the path is another, of some even one that there is.
            assert text in ("", ".", "..") or refused(reply, 400, 404), reply
        url: Any = URL(note.format(part), encoded=True)
        assert refused(await api.request("DELETE", url), 400, 404, 405)

    await with_all(work, TEXTS)
    assert (await api.get(f"/v1/contacts/{contact}")).status == 200


HEADERS = (("X-Request-Id", "Accept", "User-Agent"), "Idempotency-Key", "If-Match", "Authorization", "Content-Type")
"""Some together: what they say changes no answer, and what HTTP forbids it forbids in each."""


@pytest.mark.parametrize("header", HEADERS, ids=str)
async def test_as_header(api: ApiUser, header: str | tuple[str, ...]) -> None:
    """Bytes as they are, line ends and NUL included: no client library stands between."""
    contact = (await api.create_contact())["contact_id"]

    async def work(text: str) -> None:
        request = {
            "Host": "127.0.0.1",
            "Authorization": f"Bearer {api.api_key}",
            "Content-Type": "application/json",
            "Content-Length": "17",
            "Connection": "close",
            **dict.fromkeys([header] if isinstance(header, str) else header, text),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in request.items())
        raw = f'PUT /v1/contacts/{contact} HTTP/1.1\r\n{head}\r\n{{"properties":{{}}}}'
        if header == "Idempotency-Key":
            raw = raw.replace(f"PUT /v1/contacts/{contact}", "POST /v1/identify", 1)
        answer = await exchange(api, raw.encode())
        status = int(answer[9:12])
        assert 200 <= status < 500, answer
        assert answer.count(b"HTTP/1.") == 1
        if "X-Request-Id" in header and re.fullmatch(r"[A-Za-z0-9._:\-]{1,128}", text):
            assert f"X-Request-Id: {text}\r\n".encode() in answer
        if header == "Authorization":
            assert status in (400, 401)

    await with_all(work, TEXTS)
    assert (await api.get(f"/v1/contacts/{contact}")).status == 200


async def exchange(api: ApiUser, raw: bytes) -> bytes:
    """One request on a connection of its own, and all that comes back."""
    base = URL(str(api.http._base_url))
    reader, writer = await asyncio.open_connection(base.host, base.port)
    try:
        writer.write(raw)
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionResetError:
        return b"HTTP/1.0 400 the connection was reset"
    finally:
        writer.close()


JSON_TEXTS = FOLDER / "json_parsing_a.base64.json"


@pytest.mark.skipif(not JSON_TEXTS.is_file(), reason="the public list is not in this clone")
async def test_json_that_must_or_must_not_parse(api: ApiUser) -> None:
    """Names begin with y (must be taken), n (must be refused) or i (either). Of two members of a name we take none."""
    texts = {name: base64.b64decode(text) for name, text in json.loads(JSON_TEXTS.read_text()).items()}
    headers = {"Content-Type": "application/json"}

    async def work(name: str) -> None:
        reply = await api.request("POST", "/v1/contacts", data=texts[name], headers=headers)
        assert refused(reply, 400)
        if name.startswith("n_"):
            assert reply.code == "malformed_json"
            return
        body = b'{"email": "%s", "properties": {"k": %s}}' % (fresh_email().encode(), texts[name])
        reply = await api.request("POST", "/v1/contacts", data=body, headers=headers)
        if refused(reply, 400):
            assert not name.startswith("y_") or "duplicated_key" in name or "\\u0000" in repr(json.loads(texts[name]))
            return
        assert reply.body["contact"]["properties"].get("k") == json.loads(texts[name])

    await with_all(work, list(texts))
