"""Which addresses are taken: by examples of each kind, and by the public lists where they are."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from schemas.contacts import normalise_email
from tests.support.address_lists import FOLDER, address_lists

DOCUMENT = Path(__file__).parents[2] / "deploy" / "docs" / "email-addresses.md"
_ROW = re.compile(r"^\| ([\w ]+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def is_taken(address: str) -> bool:
    try:
        normalise_email(address)
    except PydanticCustomError:
        return False
    return True


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada.Lovelace+crm@Example.COM\r\n", "ada.lovelace+crm@example.com"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
        ("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"),
        ("ada@mail.test", "ada@mail.test"),
        ("Zoë@BÜCHER.example", "zoë@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ze\u0301@example.com", "z\u00e9@example.com"),
    ],
)
def test_what_is_taken_and_how_it_is_stored(sent: str, stored: str) -> None:
    assert normalise_email(sent) == stored
    assert normalise_email(stored) == stored


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@server",
        "ada@test",
        "ada@printer.local",
        "ada@nowhere.invalid",
        "ada@@example.com",
        "ada.@example.com",
        ".ada@example.com",
        "a..da@example.com",
        "a da@example.com",
        "ada@exam ple.com",
        "ada@-example.com",
        '"Ada Lovelace"@example.com',
        "Ada <ada@example.com>",
        "ada(home)@example.com",
        "ada@[192.0.2.1]",
        "ada@example.com, bob@example.com",
        "ada\0@example.com",
        "ada\n@example.com",
        f"{'a' * 65}@example.com",
        f"ada@{'a' * 64}.com",
        f"ada@{'.'.join(['a' * 60] * 5)}.com",
    ],
)
def test_what_is_refused(address: str) -> None:
    assert not is_taken(address)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the public lists are not in this clone")
def test_the_public_lists_are_counted_as_the_document_says() -> None:
    counted = {}
    for name, addresses in address_lists().items():
        taken = sum(map(is_taken, addresses))
        counted[name] = (len(addresses), taken, len(addresses) - taken)
        print(f"{name}: {len(addresses)} addresses, {taken} accepted, {len(addresses) - taken} refused")
    told = {name: (int(all_), int(taken), int(not_)) for name, all_, taken, not_ in _ROW.findall(DOCUMENT.read_text())}
    assert told == counted
