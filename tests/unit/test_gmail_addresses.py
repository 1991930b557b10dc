"""Who is named in headers, as real mailers write them and as attackers do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.gmail.addresses import MAX_PARTICIPANTS, is_mailbox, participants_in, valid_address
from schemas.contacts import normalise_email
from service.conversations.model import Participant
from tests.support.hypothesis_settings import unhurried


def named(*values: str) -> list[tuple[str | None, str | None]]:
    return [(one.address, one.name) for one in participants_in(values)]


@pytest.mark.parametrize(
    ("value", "participants"),
    [
        ("ada@example.com", [("ada@example.com", None)]),
        ("<Ada@Example.COM>", [("ada@example.com", None)]),
        ("Ada Lovelace <ada@example.com>", [("ada@example.com", "Ada Lovelace")]),
        ('"Lovelace, Ada" <ada@example.com>', [("ada@example.com", "Lovelace, Ada")]),
        (r'"Ada \"The\" L" <ada@example.com>', [("ada@example.com", 'Ada "The" L')]),
        ("ada@example.com (Ada Lovelace)", [("ada@example.com", "Ada Lovelace")]),
        ("ada@example.com (Ada (the first))", [("ada@example.com", "Ada the first")]),
        ("Ada (work) <ada(x)@example.com>", [("ada@example.com", "Ada")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [("pete@silly.test", "Pete")]),
        ('Ada <"a(b)"@example.com>', [('"a(b)"@example.com', "Ada")]),
        ('"ada@example.com" <ada@example.com>', [("ada@example.com", "ada@example.com")]),
        ("Ada@Home <ada@example.com>, b@example.com", [("ada@example.com", "Ada@Home"), ("b@example.com", None)]),
        ("=?utf-8?B?Rm9vLCBCYXI=?= <a@example.com>", [("a@example.com", "Foo, Bar")]),
        ('"=?utf-8?Q?J=C3=B6rn?=" <a@example.com>', [("a@example.com", "Jörn")]),
        ("=?utf-8?Q?a,b?= <a@example.com>, c@example.com", [("a@example.com", "a,b"), ("c@example.com", None)]),
        ("=?utf-8?Q?=3Cevil=40example.com=3E?= <a@example.com>", [("a@example.com", "<evil@example.com>")]),
        ("Jörn <jörn@bücher.example>", [("jörn@bücher.example", "Jörn")]),
        ("a@xn--bcher-kva.example", [("a@bücher.example", None)]),
        (
            "Friends: a@example.com, B <b@example.com>;, c@example.com",
            [("a@example.com", None), ("b@example.com", "B"), ("c@example.com", None)],
        ),
        ("undisclosed-recipients:;", []),
        ("(none) Undisclosed recipients (hidden) :(nobody)  ;", []),
        ("Ada <ada@example.com> (a friend); (the end of the group)", [("ada@example.com", "Ada")]),
        ("<> (Mail Delivery System)", [(None, "Mail Delivery System")]),
        ("a@example.com; b@example.com", [("a@example.com", None), ("b@example.com", None)]),
        ("a@example.com b@example.com", [("a@example.com", None), ("b@example.com", None)]),
        ("Ada ada@example.com", [("ada@example.com", "Ada")]),
        ('"Ada L" ada@example.com', [("ada@example.com", "Ada L")]),
        ('"ada lovelace"@example.com', [('"ada lovelace"@example.com', None)]),
        ('"ada eve@example.com x"@example.com', [('"ada eve@example.com x"@example.com', None)]),
        ("ada @ example.com", [("ada@example.com", None)]),
        ("<<ada@example.com>>", [("ada@example.com", None)]),
        ("<'ada@example.com'>", [("ada@example.com", None)]),
        ("<mailto:ada@example.com>", [("ada@example.com", None)]),
        ("<@relay.example:ada@example.com>", [("ada@example.com", None)]),
        (
            '"never closed <ada@example.com>, b@example.com',
            [("ada@example.com", "never closed"), ("b@example.com", None)],
        ),
        ("(never closed <ada@example.com>", [("ada@example.com", "never closed")]),
        ("Ada <ada@example.com", [("ada@example.com", "Ada")]),
        ("MAILER DAEMON <>", [(None, "MAILER DAEMON")]),
        ("foo", [(None, "foo")]),
        ("<foo>", [(None, "foo")]),
        ("ada@localhost", [("ada@localhost", None)]),
        ("Ada <ADA@exa mple..com>", [("ada@exa mple..com", "Ada")]),
        (", ,a@example.com,,", [("a@example.com", None)]),
        ("a@example.com, A@EXAMPLE.com", [("a@example.com", None)]),
        ("", []),
        ("  ", []),
        ('""', []),
        ("Ada\r\n Lovelace\t<ada@example.com>", [("ada@example.com", "Ada Lovelace")]),
    ],
)
def test_who_is_named(value: str, participants: list[tuple[str | None, str | None]]) -> None:
    assert named(value) == participants


def test_repeated_headers_are_one_list() -> None:
    assert [address for address, _ in named("a@example.com", "b@example.com")] == ["a@example.com", "b@example.com"]


def test_long_lists_are_cut() -> None:
    found = named(", ".join(f"p{i}@example.com" for i in range(5_000)))
    assert len(found) == MAX_PARTICIPANTS
    assert found[-1] == (f"p{MAX_PARTICIPANTS - 1}@example.com", None)


@pytest.mark.parametrize(
    "unit",
    ['"', '\\"', '"\\', "(", ")", "<", ">", ",", ":", "[", "=?a?q?", "=?", "a@", "@", " ", "\\", "<a@b,", "a@b.c "],
)
def test_hostile_headers_are_read_in_one_pass(unit: str) -> None:
    """Each of these is quadratic in one parser or another: the time limit would tell."""
    assert len(named(unit * (256 * 1024 // len(unit)))) <= MAX_PARTICIPANTS


@unhurried
@given(
    st.lists(st.sampled_from('" \\ ( ) < > , ; : @ [ ] = ? a b.example =?utf-8?q?x?= \r\n \0 é'.split(" ")) | st.text())
)
def test_any_header_names_somebody_or_nobody(pieces: list[str]) -> None:
    for one in participants_in(["".join(pieces)]):
        assert one.address or one.name
        assert one.address is None or ("@" in one.address and one.address == one.address.lower())
        assert one.name is None or one.name == one.name.strip()


@unhurried
@given(st.emails(), st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_written_address_is_read_back(address: str, name: str) -> None:
    valid = valid_address(address)
    if valid is not None:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        assert participants_in([f'"{quoted}" <{address}>'])[0].address == valid


def test_addresses_are_spelt_as_contacts_are() -> None:
    for address in ("Ada@Example.com", "ÅSA@bücher.example", "a@xn--bcher-kva.example", "o'neil@example.com"):
        assert valid_address(address) == normalise_email(address)
    assert participants_in(["O'Neil <O'Neil@Example.com>"]) == [Participant("o'neil@example.com", "O'Neil")]
    assert valid_address("nobody") is None
    assert valid_address("a@" + "b" * 1_000_000) is None


@pytest.mark.parametrize(
    ("address", "mailbox", "same"),
    [
        ("rep@ours.example", "rep@ours.example", True),
        ("rep+a+b@ours.example", "rep@ours.example", True),
        ("r.ep@ours.example", "rep@ours.example", False),
        ("r.e.p@gmail.com", "rep@googlemail.com", True),
        ("+rep@ours.example", "+@ours.example", False),
        ("rep@theirs.example", "rep@ours.example", False),
        ("rep@ours.example", "rep", False),
    ],
)
def test_whose_mailbox_it_is(address: str, mailbox: str, same: bool) -> None:
    assert is_mailbox(address, mailbox) is same
