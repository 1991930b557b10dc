"""What a user agent tells of browser, operating system and kind of device, and whether it is a robot's.

Families come from ua-parser, crawlers from both its data and the list of crawler-user-agents. Neither knows kinds of
devices: those follow from words that makers put there. Pure, and remembered: a site sees the same few all day.
"""

import re
from functools import lru_cache

from crawleruseragents import is_crawler
from ua_parser import parse

REMEMBERED = 4096
"""User agents kept in mind: with MAX_LENGTH at most some 10 MB, whatever is sent."""
MAX_LENGTH = 1024
"""Characters that are looked at. Real ones have a quarter of that; looking through 64 KiB would hold others up."""
UNKNOWN = "Other"
MAX_FAMILY = 100
"""Some families are cut out of the text: a made-up one must not be long either."""

_SPIDER = "Spider"
_GENERIC_TABLET = "Generic_Android_Tablet"
# The first that matches says what it is. Android on what is no phone leaves out "Mobile" (Google's own rule for sites).
_KINDS = tuple(
    (kind, re.compile(words, re.IGNORECASE))
    for kind, words in (
        ("tv", r"smart-?tv|hbbtv|\btv\b|bravia|web0s|netcast|crkey|apple ?tv|google ?tv|\broku|\baft[a-z]{1,4}\b"),
        ("console", r"nintendo|playstation|xbox"),
        ("wearable", r"watchos|\bwatch\b|oculus|\bquest\b"),
        ("tablet", r"ipad|tablet(?! pc)|kindle|\bsilk/|playbook"),
        ("mobile", r"mobi|phone|ipod|\bios\b|blackberry|symbian|opera mini|midp|nokia|obigo|\bpixel \d"),
        ("tablet", r"android"),
        ("desktop", r"windows|macintosh|mac os|x11|linux|cros|bsd"),
    )
)


def describe(user_agent: str) -> dict[str, str | bool]:
    """`browser`, `os`, `device_type`, and `is_bot` if it is one: what an event keeps beside the text as sent.

    Shared by all who ask: to be read only.
    """
    return _described(user_agent[:MAX_LENGTH])


def warm_up() -> None:
    """Compile the parsers' expressions, which takes 0.2 s and more: before an event comes, not while it waits."""
    describe("Mozilla/5.0")


@lru_cache(REMEMBERED)
def _described(text: str) -> dict[str, str | bool]:
    found = parse(text)
    hardware = found.device
    told: dict[str, str | bool] = {
        "browser": found.user_agent.family[:MAX_FAMILY] if found.user_agent else UNKNOWN,
        "os": found.os.family[:MAX_FAMILY] if found.os else UNKNOWN,
        "device_type": _kind(text, hardware.brand if hardware else None),
    }
    if is_crawler(text) or (hardware is not None and hardware.family == _SPIDER):
        told["is_bot"] = True
    return told


def _kind(text: str, brand: str | None) -> str:
    kind = next((kind for kind, words in _KINDS if words.search(text)), "other")
    return "tablet" if kind == "mobile" and brand == _GENERIC_TABLET else kind
