"""The public lists of e-mail addresses, where they are: each with what its maker says of the address."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from tests.support.tracker_fixtures import FIXTURES

FOLDER = FIXTURES / "hostile-input"
_PICTURES = re.compile("[\u2400-\u2421]")


def address_lists() -> dict[str, list[str]]:
    """The addresses by list, and by category where a list has several."""
    lists = {
        "flanker_mailbox_valid": list(_lines("flanker_mailbox_valid.txt")),
        "flanker_abridged_localpart_valid": [
            f"{local}@example.com" for local in _lines("flanker_abridged_localpart_valid.txt")
        ],
        "flanker_domain_typos_invalid": [f"ada@{domain}" for domain in _lines("flanker_domain_typos_invalid.txt")],
    }
    for test in ET.parse(FOLDER / "isemail_tests.xml").getroot().iter("test"):
        category = (test.findtext("category") or "").removeprefix("ISEMAIL_").removesuffix("_CATEGORY")
        address = _PICTURES.sub(_control, test.findtext("address") or "")
        lists.setdefault(f"isemail {category}", []).append(address)
    return lists


def every_text() -> list[str]:
    """All of them once; none where the lists are not."""
    if not FOLDER.is_dir():
        return []
    return list(dict.fromkeys(address for addresses in address_lists().values() for address in addresses))


def _lines(name: str) -> Iterator[str]:
    """Without comments; a line may end in what a list is about."""
    for line in (FOLDER / name).read_text().split("\n"):
        if line.strip() and not line.startswith("#"):
            yield line


def _control(picture: re.Match[str]) -> str:
    """The control character that a picture stands for."""
    return "\x7f" if picture[0] == "\u2421" else chr(ord(picture[0]) - 0x2400)
