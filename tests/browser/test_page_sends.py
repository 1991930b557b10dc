"""Pages of an allowed and of a refused origin in a real Chromium send visitor events, by fetch and by sendBeacon."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from schemas.scopes import Scope
from service.access.keys import AccessKeys
from service.access.model import ApiKey
from service.api.app import create_app
from service.api.limits import ApiLimits
from service.clock import system_clock
from service.intake.model import InboundRecord
from service.intake.track import TrackIntake
from service.ops.health import Checks
from tests.browser.conftest import PATIENCE_S, served

KEY_ID, SECRET = "0123456789abcdef", "made-up"
FETCH = """
const [url, headers, event, done] = arguments;
fetch(url, {method: "POST", headers, body: JSON.stringify({events: [{event}]})})
  .then(answer => answer.json().then(body => done([answer.status, body.code || body.accepted])))
  .catch(error => done([0, error.name]));
"""
BEACON = """
const [url, event] = arguments;
return navigator.sendBeacon(url, JSON.stringify({events: [{event}]}));
"""


class OneKey:
    """A store with one publishable key, and a topic that remembers."""

    def __init__(self, origin: str) -> None:
        self.api_keys = self
        self._origin = origin
        self.records: list[InboundRecord] = []

    async def get(self, key_id: str) -> ApiKey | None:
        hashed = hashlib.sha256(SECRET.encode()).hexdigest()
        scopes = frozenset({Scope.TRACK_WRITE})
        key = ApiKey(f"key_{KEY_ID}", "acme", "site", scopes, hashed, system_clock(), origins=(self._origin,))
        return key if key_id == key.key_id else None

    async def serves_origin(self, origin: str) -> bool:
        return origin == self._origin

    async def publish(self, records: Sequence[InboundRecord]) -> None:
        self.records += records


class UseCases:
    """Of all use-cases the two that the door calls."""

    def __init__(self, store: Any) -> None:
        self.access_keys = AccessKeys(store, system_clock)
        self.track = TrackIntake(store)


def page() -> web.Application:
    """An empty page."""

    async def empty(_: web.Request) -> web.Response:
        return web.Response(text="<!DOCTYPE html><title>A shop</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", empty)
    return app


def test_only_pages_of_the_keys_origin_are_heard(browser: Chrome) -> None:
    key = f"pbp_{KEY_ID}_{SECRET}"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    browser.set_script_timeout(PATIENCE_S)
    with served(page, count=2) as (allowed, refused):
        store = OneKey(allowed)
        use_cases: Any = UseCases(store)
        with served(lambda: create_app(use_cases, Checks(), system_clock, ApiLimits())) as [api]:
            url = f"{api}/v1/track"

            browser.get(allowed)
            assert browser.execute_async_script(FETCH, url, headers, "with-preflight") == [202, 1]
            assert browser.execute_async_script(FETCH, f"{url}?key={key}", {}, "without") == [202, 1]
            assert browser.execute_async_script(FETCH, url, headers, "") == [400, "validation_failed"], (
                "it may read why"
            )
            assert browser.execute_script(BEACON, f"{url}?key={key}", "beacon") is True
            WebDriverWait(browser, PATIENCE_S).until(lambda _: len(store.records) == 3)

            browser.get(refused)
            assert browser.execute_async_script(FETCH, url, headers, "never") == [0, "TypeError"]
            assert browser.execute_async_script(FETCH, f"{url}?key={key}", {}, "never") == [0, "TypeError"]

    sent = [json.loads(record.value) for record in store.records]
    assert [envelope["event"] for envelope in sent] == ["with-preflight", "without", "beacon"]
    assert all("Chrome" in envelope["userAgent"] for envelope in sent)
