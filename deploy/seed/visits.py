"""Made-up visits of seeded contacts: a tracker's envelopes, put through the consumer's own `normalise`. Pure.

Few contacts have most of the visits; a visit is a session of some pages, some of them before the contact was created.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

from consumers.runtime.outcomes import Record
from consumers.tracker.normalise import normalise
from deploy.seed.plan import LAST, SeedPlan
from deploy.seed.vocabulary import CAMPAIGNS, PAGES, REFERRERS, SCREENS, USER_AGENTS
from schemas.timestamps import iso_millis
from schemas.topics import TRACKER_EVENTS
from service.contacts.model import Contact
from service.timeline.model import TimelineEvent

_SITE = "https://www.pathbound.example"
_LONGEST_SESSION = 12
_BEFORE = timedelta(days=20)
_DELAY = timedelta(milliseconds=800)


def visits(plan: SeedPlan, portion: int, contacts: Sequence[Contact]) -> dict[str, list[TimelineEvent]]:
    """The portion's share of the plan's events, by contact id."""
    visitors = [contact for contact in contacts if contact.visitor_ids]
    wanted = plan.events_of(portion)
    chance = plan.chance(portion + plan.portions)
    # Half of them have hardly ever come, and one in a hundred comes again and again.
    weights = [chance.paretovariate(1.1) for _ in visitors]
    found: dict[str, list[TimelineEvent]] = {}
    session = 0
    while wanted:
        pages = min(wanted, 1 + int(chance.expovariate(0.4)), _LONGEST_SESSION)
        contact = chance.choices(visitors, weights)[0]
        found.setdefault(contact.contact_id, []).extend(
            _session(plan, contact, f"{plan.tag}-{portion}-{session}", pages, chance)
        )
        wanted -= pages
        session += 1
    return found


def _session(plan: SeedPlan, contact: Contact, name: str, pages: int, chance: Random) -> list[TimelineEvent]:
    begins = contact.created_at - _BEFORE
    moment = begins + (LAST - _DELAY - timedelta(hours=12) - begins) * chance.random() ** 2
    shared = {
        "tenant_id": plan.tenant_id,
        "visitorId": chance.choice(contact.visitor_ids),
        "sessionId": f"s-{name}",
        "userAgent": USER_AGENTS.one(chance),
        "screenResolution": SCREENS.one(chance),
    }
    utm = CAMPAIGNS.one(chance) if chance.random() < 0.3 else None
    found = []
    for step in range(pages):
        envelope = {**shared, **_page(step, utm, chance), "message_id": f"seed-{name}-{step}"}
        found.append(_event(envelope, moment))
        moment += timedelta(seconds=chance.randrange(3, 900))
    return found


def _page(step: int, utm: tuple[str, str, str] | None, chance: Random) -> dict[str, Any]:
    """The page that a session comes to: the first has what led there."""
    page = PAGES.one(chance)
    title = f"{page.rpartition('/')[2].replace('-', ' ').title() or 'Home'} | Pathbound"
    if step and chance.random() < 0.15:
        return {"event": "button_click", "url": f"{_SITE}/{page}", "data": {"text": "Request a demo", "title": title}}
    data: dict[str, Any] = {"title": title, "path": f"/{page}", "pageLoadTime": chance.randrange(80, 4_000)}
    if step:
        return {"event": "page_view", "url": f"{_SITE}/{page}", "referrer": f"{_SITE}/", "data": data}
    if utm is None:
        return {"event": "page_view", "url": f"{_SITE}/{page}", "referrer": REFERRERS.one(chance), "data": data}
    tags = dict(zip(("utm_source", "utm_medium", "utm_campaign"), utm, strict=True))
    query = "&".join(f"{name}={value}" for name, value in tags.items())
    return {"event": "page_view", "url": f"{_SITE}/{page}?{query}", "data": {**data, "utmParams": tags}}


def _event(envelope: dict[str, Any], moment: datetime) -> TimelineEvent:
    value = orjson.dumps({**envelope, "timestamp": iso_millis(moment)})
    key = str(envelope["visitorId"]).encode()
    return normalise(Record(TRACKER_EVENTS, 0, 0, key, value, _millis(moment + _DELAY)), timedelta())


def _millis(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
