"""Contacts and visits as a site sends them: the same for the same run and number."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas.timestamps import iso_millis

EVENTS_PER_VISITOR = 10
_ACTIVE_VISITORS = 300
_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
_PAGES = (
    "pricing",
    "docs/getting-started",
    "blog/ten-lessons-from-a-migration",
    "features/timeline",
    "about",
    "contact",
)
_REFERRERS = (
    "https://www.google.com/",
    "https://news.ycombinator.com/item?id=41234567",
    "https://www.linkedin.com/feed/",
)
_CAMPAIGNS = (("google", "cpc", "autumn-launch"), ("newsletter", "email", "2026-11"), ("linkedin", "social", "hiring"))
_EPOCH = datetime(2026, 11, 1, tzinfo=UTC)


def visitor_id(run: str, number: int) -> str:
    """A visitor's id; a run's visitors share a prefix."""
    return f"{run}-{number:06d}-5f1c9a7e-4b2d"


def contact_body(run: str, number: int) -> dict[str, Any]:
    """What a client sends to create the contact that is visitor `number`."""
    return {
        "email": f"ada.lovelace.{run}.{number}@customer-{number % 977}.example.com",
        "visitor_id": visitor_id(run, number),
        "company_id": f"co_{number % 977}",
        "properties": {
            "firstname": "Ada",
            "lastname": f"Lovelace {number}",
            "company": f"Analytical Engines {number % 977}",
            "jobtitle": "Head of Computation",
            "lifecyclestage": "lead",
            "country": "United Kingdom",
            "city": "London",
            "phone": "+44 20 7946 0000",
            "employees": number % 5000,
        },
    }


def visits(run: str, events: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of tracker records: ten events in two sessions for each visitor, 300 visitors at a time."""
    chance = random.Random(run)
    visitors = events // EVENTS_PER_VISITOR
    waiting = iter(range(visitors))
    active = [[visitor, 0] for _, visitor in zip(range(_ACTIVE_VISITORS), waiting, strict=False)]
    while active:
        place = chance.randrange(len(active))
        visitor, step = active[place]
        visitor_key = visitor_id(run, visitor)
        yield visitor_key.encode(), orjson.dumps(_envelope(chance, visitor_key, step))
        if step + 1 < EVENTS_PER_VISITOR:
            active[place][1] += 1
        elif (following := next(waiting, None)) is not None:
            active[place] = [following, 0]
        else:
            del active[place]


def _envelope(chance: random.Random, visitor_key: str, step: int) -> dict[str, Any]:
    page = chance.choice(_PAGES)
    source, medium, campaign = chance.choice(_CAMPAIGNS)
    tagged = step % 5 == 0
    query = f"?utm_source={source}&utm_medium={medium}&utm_campaign={campaign}" if tagged else ""
    data: dict[str, Any] = {"title": f"{page} - Pathbound", "scrollDepth": chance.randrange(101)}
    if tagged:
        data["utmParams"] = {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
    return {
        "tenant_id": "dev",
        "event": "page_view" if step % 3 else "click",
        "message_id": f"m-{visitor_key}-{step}",
        "timestamp": iso_millis(_EPOCH + timedelta(seconds=chance.randrange(1_000_000))),
        "url": f"https://www.pathbound.example.com/{page}{query}",
        "visitorId": visitor_key,
        "sessionId": f"s-{visitor_key}-{step // 5}",
        "userAgent": _AGENT,
        "referrer": chance.choice(_REFERRERS),
        "screenResolution": "1920x1080",
        "data": data,
    }
