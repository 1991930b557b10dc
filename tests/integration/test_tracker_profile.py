"""What trackers tell of a visitor, from the record on the topic to the contact's detail."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from consumers.runtime.outcomes import Record
from consumers.tracker.handler import TrackerHandler
from deploy.bootstrap import build_core
from service.mongo.store import MongoStore
from tests.support.api import ApiUser

PHONE = (
    "Mozilla/5.0 (Linux; Android 19; Made Up) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/199.0.0.0 Mobile Safari/537.36"
)
LAPTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:199.0) Gecko/20100101 Firefox/199.0"
ROBOT = "MadeUpCrawler/1.0"


async def deliver(store: MongoStore, tenant_id: str, envelopes: list[dict[str, Any]]) -> None:
    received = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    records = [
        Record("tracker.events", 0, offset, None, json.dumps({"tenant_id": tenant_id, **one}).encode(), received)
        for offset, one in enumerate(envelopes)
    ]
    assert await TrackerHandler(build_core(store).ingest, timedelta(hours=1)).handle(records) == []


async def test_devices_referrer_and_campaign_are_in_the_profile(api: ApiUser, shared_store: MongoStore) -> None:
    visit = {"event": "page_view", "visitorId": "v"}
    site = "https://www.shop.example"
    await deliver(
        shared_store,
        api.tenant_id,
        [
            {**visit, "userAgent": PHONE, "timestamp": "2026-11-23T09:00:00Z", "url": f"{site}/", "referrer": ""},
            {
                **visit,
                "userAgent": LAPTOP,
                "timestamp": "2026-11-23T09:01:00Z",
                "url": f"{site}/?utm_source=news",
                "referrer": "https://shop.example/",
            },
            {
                **visit,
                "userAgent": PHONE.replace("199", "200"),
                "timestamp": "2026-11-23T09:02:00Z",
                "url": f"{site}/b",
                "referrer": "https://search.example/?q=x",
            },
            {**visit, "userAgent": ROBOT, "timestamp": "2026-11-23T09:03:00Z", "url": f"{site}/c"},
        ],
    )
    contact = await api.create_contact(visitor_id="v")

    profile = (await api.get(f"/v1/contacts/{contact['contact_id']}")).body["unified_profile"]
    assert profile["device_count"] == 3
    assert profile["devices"] == [
        {"browser": "Chrome Mobile", "os": "Android", "device_type": "mobile", "is_bot": False},
        {"browser": "Firefox", "os": "Windows", "device_type": "desktop", "is_bot": False},
        {"browser": "MadeUpCrawler", "os": "Other", "device_type": "other", "is_bot": True},
    ]
    assert profile["first_referrer"]["value"] == {
        "referrer": "https://search.example/?q=x",
        "domain": "search.example",
    }
    assert profile["first_utm"] == {"at": "2026-11-23T09:01:00.000Z", "value": {"utm_source": "news"}}
    assert profile["page_views"] == 4
