"""/docs and /docs/events in a real headless Chromium: they list the operations and the events, complain of nothing, and
ask nobody but this machine.

Run by `make test-browser`, not by `make test`: it needs Debian's chromium and chromedriver.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from schemas.changes import ChangeType
from schemas.topics import TOPICS
from service.api.app import ENDPOINTS, create_app
from service.api.limits import ApiLimits
from service.clock import system_clock
from service.ops.health import Checks
from tests.browser.conftest import LOOPBACK, PATIENCE_S, served
from tests.support.openapi import DOCUMENT


@pytest.fixture
def url() -> Iterator[str]:
    """The API; the page and what it needs ask no database."""
    use_cases: Any = object()
    with served(lambda: create_app(use_cases, Checks(), system_clock, ApiLimits())) as [address]:
        yield address


def log(browser: Chrome, kind: str) -> list[dict[str, Any]]:
    """What the browser has logged since it was last asked."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def requested(browser: Chrome) -> set[str]:
    """Every URL that was asked for over a network; the browser's own pages (`chrome://`) and `data:` are not."""
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    asked = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    sockets = [message["params"]["url"] for message in messages if message["method"] == "Network.webSocketCreated"]
    urls = [one["request"]["url"] for one in asked] + sockets
    return {url for url in urls if urlsplit(url).scheme in ("http", "https", "ws", "wss")}


def test_the_page_lists_the_operations_and_asks_nobody_else(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/docs")
    operations = WebDriverWait(browser, PATIENCE_S).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, ".opblock")
    )

    assert len(operations) == sum(len(path.keys() - {"parameters"}) for path in DOCUMENT["paths"].values())
    page = browser.find_element(By.TAG_NAME, "body").text
    for endpoint in ENDPOINTS:
        assert endpoint.summary in page
        assert endpoint.path in page.replace("\u200b", "")
    operations[0].find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
    WebDriverWait(browser, PATIENCE_S).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".opblock-body"))

    complaints = [entry["message"] for entry in log(browser, "browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not complaints
    asked = requested(browser)
    assert f"{url}/openapi.json" in asked
    assert {urlsplit(one).hostname for one in asked} == {LOOPBACK}


def test_the_page_of_events_shows_each_and_asks_nobody_else(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/docs/events")
    assert browser.title == "Pathbound Contacts on Kafka"
    channels = [heading.text for heading in browser.find_elements(By.TAG_NAME, "h2")]
    assert sorted(channels) == sorted(topic.name for topic in TOPICS)
    for kind in ChangeType:
        details = browser.find_element(By.ID, f"contacts.changes.{kind}")
        assert not details.find_element(By.TAG_NAME, "table").is_displayed()
        details.find_element(By.TAG_NAME, "summary").click()
        text = details.text
        assert details.find_element(By.TAG_NAME, "table").is_displayed()
        assert "sequence" in text
        assert f'"type": "{kind}"' in text
    assert browser.find_element(By.TAG_NAME, "h1").value_of_css_property("font-family").startswith("system-ui")

    complaints = [entry["message"] for entry in log(browser, "browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not complaints
    asked = requested(browser)
    assert f"{url}/docs/events.css" in asked
    assert {urlsplit(one).hostname for one in asked} == {LOOPBACK}
