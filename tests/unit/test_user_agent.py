"""Who comes with what: browsers, systems, kinds of devices, and robots.

The made-up user agents are of the usual forms; where the shared folder is, real ones are judged too.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.tracker import user_agent
from consumers.tracker.user_agent import MAX_FAMILY, MAX_LENGTH, describe
from tests.support.tracker_fixtures import TRACKER_FIXTURES

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
KINDS = {"smarttv": "tv"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/199.0.0.0 Safari/537.36",
            {"browser": "Chrome", "os": "Windows", "device_type": "desktop"},
        ),
        (
            f"Mozilla/5.0 (Linux; Android 19; Made Up) {_WEBKIT} Chrome/199.0.0.0 Mobile Safari/537.36",
            {"browser": "Chrome Mobile", "os": "Android", "device_type": "mobile"},
        ),
        (
            f"Mozilla/5.0 (Linux; Android 19; Made Up) {_WEBKIT} Chrome/199.0.0.0 Safari/537.36",
            {"browser": "Chrome", "os": "Android", "device_type": "tablet"},
        ),
        (
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
            {"browser": "IE", "os": "Windows", "device_type": "desktop"},
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/9.9; +http://www.google.com/bot.html)",
            {"browser": "Googlebot", "os": "Other", "device_type": "other", "is_bot": True},
        ),
        # Not in the list of crawlers, but one to ua-parser.
        ("MadeUpCrawler/1.0", {"browser": "MadeUpCrawler", "os": "Other", "device_type": "other", "is_bot": True}),
        ("\0", {"browser": "Other", "os": "Other", "device_type": "other"}),
    ],
)
def test_what_is_told(text: str, told: dict[str, Any]) -> None:
    assert describe(text) == told


@given(st.text(max_size=300) | st.text("Android; Mobile bot/1.0()", min_size=900, max_size=1100))
def test_any_text_is_described_in_few_words(text: str) -> None:
    told = describe(text)
    assert {"browser", "os", "device_type"} <= set(told) <= {"browser", "os", "device_type", "is_bot"}
    assert all(0 < len(str(told[name])) <= MAX_FAMILY for name in ("browser", "os", "device_type"))
    assert told.get("is_bot", True) is True


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    beginning = "x" * MAX_LENGTH
    assert describe(f"{beginning} Googlebot/2.1") == describe(beginning)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(user_agent.REMEMBERED + 10):
        user_agent._described(f"made-up/{number}")
    kept = user_agent._described.cache_info()
    assert kept.currsize == kept.maxsize == user_agent.REMEMBERED


def _real(name: str) -> list[dict[str, Any]]:
    path = TRACKER_FIXTURES / name
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return found


def test_real_browsers() -> None:
    wrong = [
        one["ua"] for one in _real("user_agents_browsers_a.json") if describe(one["ua"])["browser"] != one["family"]
    ]
    assert not wrong


def test_real_crawlers() -> None:
    missed = [ua for one in _real("user_agents_bots_a.json") for ua in one["instances"] if "is_bot" not in describe(ua)]
    assert not missed


def test_real_devices() -> None:
    devices = _real("user_agents_devices.json")
    kinds = [KINDS.get(one["expect"]["type"], one["expect"]["type"]) for one in devices]
    wrong = [one["ua"] for one, kind in zip(devices, kinds, strict=True) if describe(one["ua"])["device_type"] != kind]
    # A Huawei tablet that says "Mobile" as phones do.
    assert len(wrong) <= 1
    assert not [one["ua"] for one in devices if "is_bot" in describe(one["ua"])]
