"""The rules of erasing, which are pure: marks, whose time it is, what is taken out of messages and of the outbox."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.changes import ChangeType
from schemas.events import Source
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.conversations.incoming import Content
from service.conversations.model import Attachment, Direction, Message, Participant
from service.erasure.events import belongs_to_erased, without_erased
from service.erasure.guard import Erased
from service.erasure.marks import Marker
from service.erasure.model import Handle, Mark, handle_of, is_erased
from service.erasure.redact import ERASED, KNOWN, TOLD, Person, names_in, without_person
from service.erasure.shells import shell_of
from service.identity.model import Identity, IdentityKind
from service.outbox.model import OutboxRecord
from service.settings import MongoSettings
from tests.support.events import MORNING, external, page_view, visitor

ADDRESS = "ada@example.com"
SECRETS = ("a secret that is long enough to be one", "another one that is just as long as it")
texts = st.text(max_size=12)
handles = st.builds(Handle, texts, st.sampled_from([*map(str, IdentityKind), "person"]), texts)
moments = st.integers(-100, 100).map(lambda minutes: MORNING + timedelta(minutes=minutes))


@given(handles, handles)
def test_a_mark_stands_for_one_handle_under_one_secret(one: Handle, other: Handle) -> None:
    marker, stranger = map(Marker, SECRETS)
    assert (marker(one) == marker(other)) == (one == other)
    assert marker(one) == Marker(SECRETS[0])(one)
    assert marker(one) != stranger(one)
    assert marker(one) != marker.fingerprint
    assert set(marker(one)) <= set("0123456789abcdef")


def test_parts_of_a_handle_are_not_mixed_up() -> None:
    marker = Marker(SECRETS[0])
    assert marker(Handle("ab", "email", "c")) != marker(Handle("a", "email", "bc"))
    assert marker(Handle("a", "emailb", "c")) != marker(Handle("a", "email", "bc"))


def test_a_short_secret_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="32 characters or more"):
        MongoSettings(erasure_secret="short")
    assert MongoSettings(erasure_secret="").erasure_secret.get_secret_value() == ""


@given(moments, moments, st.none() | moments)
def test_what_happened_or_came_before_is_erased(happened: object, received: object, before: object) -> None:
    mark = Mark("er_1", before)  # type: ignore[arg-type]
    erased = is_erased(mark, happened, received)  # type: ignore[arg-type]
    assert erased == (before is None or happened < before or received < before)  # type: ignore[operator]
    assert not is_erased(None, happened, received)  # type: ignore[arg-type]


@given(st.sets(st.sampled_from(["e", "v"])), st.sets(st.sampled_from(["e", "v"])))
def test_the_strongest_identity_that_says_anything_decides(marked: set[str], owned: set[str]) -> None:
    known = {"e": external("t", "e"), "v": visitor("t", "v")}
    event = page_view("t", known["e"], known["v"])
    erased = Erased({handle_of(known[one]): Mark("er_1", None) for one in marked})
    first = next((one for one in "ev" if one in marked or one in owned), None)
    assert belongs_to_erased(event, erased, frozenset(known[one] for one in owned)) == (first in marked)
    left = without_erased(event, erased)
    assert set(left.identities) == {known[one] for one in known if one not in marked}
    assert left.visitor_id == (None if "v" in marked else "v")


def message(**fields: object) -> Message:
    rep = Participant("rep@ours.example", "Rep")
    told = {"sender": Participant("eve@example.com", "Eve"), "to": (rep,), **fields}
    return Message("t", Source.GMAIL, "rep@ours.example", "m1", MORNING, **told)  # type: ignore[arg-type]


def content(**fields: object) -> Content:
    return Content(message(**fields), (2, 0), Direction.INBOUND, ("eve@example.com", ADDRESS), copy="c")


PERSON = Person(frozenset({ADDRESS}), names_in(["Ada Lovelace"]))
some_text = st.lists(
    st.sampled_from(["Dear", "Ada", "Lovelace", "ADA@example.com", "<b>", "</b>", "\n", "> ", "green", "Adalbert"])
).map(" ".join)


@given(some_text, some_text, st.sampled_from([KNOWN, TOLD]))
def test_nobody_finds_the_person_in_what_others_wrote(text: str, html: str, weight: int) -> None:
    told = content(
        text=text,
        html=html,
        subject=text,
        snippet=html,
        cc=(Participant(ADDRESS, "Ada Lovelace"),),
        attachments=(Attachment(text, "text/plain", 1),),
    )
    left = without_person(told, PERSON, weight)
    words = repr(left).replace("Adalbert", "").lower()
    assert not [one for one in (ADDRESS, "lovelace", "ada") if one in words]
    assert left.addresses == ("eve@example.com",)
    assert left.rank > told.rank
    assert without_person(left, PERSON, weight) == left


def test_what_says_nothing_of_the_person_stays_as_it_is() -> None:
    told = replace(content(text="Will Adalbert mark it?", subject="Green"), addresses=("eve@example.com",))
    assert without_person(told, PERSON, KNOWN) is told


def test_the_persons_own_message_says_nothing_any_more() -> None:
    own = content(
        sender=Participant(ADDRESS.upper(), "A."),
        text="Hello",
        html="<p>Hello</p>",
        subject="Hi",
        snippet="Hello",
        attachments=(Attachment("ada.pdf", "application/pdf", 1),),
    )
    left = without_person(own, PERSON, KNOWN).message
    assert (left.text, left.html, left.subject, left.snippet, left.attachments) == (None, None, None, None, ())
    assert left.sender == Participant(None, ERASED)


@pytest.mark.parametrize(
    "quoted",
    [
        "> The umbrella is purple and much too small.",
        ">> The umbrella is\n>> purple and much\n>> too small.",
        "The umbrella is purple and much too small.",
    ],
)
def test_what_is_quoted_of_the_person_goes(quoted: str) -> None:
    person = PERSON.having_said([message(text="The umbrella is purple and much too small.")])
    left = without_person(content(text=f"So be it.\n{quoted}\nBye."), person, KNOWN).message.text or ""
    assert left.startswith("So be it.")
    assert left.endswith("Bye.")
    assert "purple" not in left


def test_a_beginning_that_is_known_without_its_text_quotes_nobody_either() -> None:
    person = PERSON.having_said([message(text="The umbrella is purple and much too small.")])
    assert without_person(content(snippet="Yes. The umbrella is purple and"), person, KNOWN).message.snippet is None
    assert without_person(content(snippet="Yes. The weather is fine."), person, KNOWN).message.snippet


@pytest.mark.parametrize(
    "written",
    [
        '<a href="https://example.com/?to=ada.o%27neill%40example.com">x</a>',
        "<p>ada.o&#x27;neill@example.com</p>",
        "<p>Ada O&#x27;Neill</p>",
        "<p>ada.o'neill@example.com.au</p>",
    ],
)
def test_addresses_and_names_are_found_as_links_and_html_write_them(written: str) -> None:
    addresses = frozenset({"ada.o'neill@example.com", "ada.o'neill@example.com.au"})
    person = Person(addresses, names_in(["Ada O'Neill"]))
    left = (without_person(content(html=written), person, KNOWN).message.html or "").lower()
    assert "neill" not in left
    assert ".au" not in left


def test_quotations_in_html_go_and_others_stay() -> None:
    person = PERSON.having_said([message(html="<p>The umbrella is <b>purple</b> and much too small.</p>")])
    mine = "<blockquote>The umbrella is <b>purple</b> and much too small.</blockquote>"
    others = "<blockquote>It will rain tomorrow, they say.</blockquote>"
    assert "purple" not in (without_person(content(html=f"<p>Yes.</p>{mine}"), person, KNOWN).message.html or "")
    assert others in (without_person(content(html=f"<p>Yes.</p>{others}"), person, KNOWN).message.html or "")


@pytest.mark.parametrize("html", ["{}", "<p>{}</p>", '<p title=">{}>">b</p>', "<blockquote>{}</blockquote>", "&gt;{}x"])
@pytest.mark.parametrize("unit", [" ", "a", "> ", ">", "a@", "&gt; "])
def test_no_message_takes_long_to_be_scrubbed(unit: str, html: str) -> None:
    """The time limit would tell."""
    long = unit * (512 * 1024 // len(unit))
    person = PERSON.having_said([message(text=f"a{long}b", html=html.format(long))])
    left = without_person(content(text=f"Ada\nb{long}c", html=html.format(long)), person, KNOWN).message.text or ""
    assert left.startswith(ERASED)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("html", ["<blockquote " * 250_000, "<blockquote></blockquote" + " " * 3_000_000])
def test_no_quotation_without_an_end_takes_long(html: str) -> None:
    """The time limit would tell."""
    assert (without_person(content(html=html), PERSON, KNOWN).message.html or "").startswith("<blockquote")


def test_a_short_line_with_an_arrow_in_it_is_found_where_it_is_quoted() -> None:
    person = PERSON.having_said([message(text="Menu > Export")])
    assert "Export" not in (
        without_person(content(text="So be it.\n> Menu > Export"), person, KNOWN).message.text or ""
    )


def test_a_later_word_of_the_source_still_wins() -> None:
    left = without_person(replace(content(text="Ada"), rank=(1, 0)), PERSON, KNOWN)
    assert (2, 0) > left.rank > (1, 0)


@given(st.sampled_from(ChangeType), st.integers(1, 9))
def test_a_shell_keeps_place_and_nothing_else(kind: ChangeType, sequence: int) -> None:
    event = {"id": "evt_1", "type": kind, "sequence": sequence, "tenantid": "t", "actor": "k", "requestid": "r",
             "subject": "ct_1", "data": {"contact": {"email": ADDRESS}}}  # fmt: skip
    if kind is ChangeType.CONTACT_ERASED:
        event["data"] = {"contact_id": "ct_1"}
    headers = (("content-type", "x"), ("traceparent", "00"), ("x-request-id", "r"))
    record = OutboxRecord("evt_1", "t", "ct_1", sequence, CONTACTS_CHANGES, orjson.dumps(event), headers, MORNING)
    shell = shell_of(record)
    told = orjson.loads(shell.value)
    assert (told["id"], told["sequence"], told["type"]) == ("evt_1", sequence, "contact.erased")
    assert told["data"] == {"contact_id": "ct_1"}
    assert ADDRESS.encode() not in shell.value
    assert shell_of(shell) == shell
    assert (shell.record_id, shell.committed_at) == (record.record_id, record.committed_at)
    assert shell_of(replace(record, topic=CONTACTS_SNAPSHOT)).value == b""


def test_names_are_taken_apart_only_where_they_are_names() -> None:
    assert names_in(["Ada Lovelace"]) == {"Ada Lovelace", "Ada", "Lovelace"}
    assert names_in(["Lovelace, Ada"]) == {"Lovelace, Ada", "Ada", "Lovelace"}
    assert names_in(["Ludwig van Rijn"]) == {"Ludwig van Rijn", "Ludwig", "Rijn"}
    assert names_in(["The people from Example Inc"]) == {"The people from Example Inc"}
    assert names_in(["", "A", "?!"]) == set()


def test_an_address_is_one_whatever_its_case() -> None:
    assert handle_of(Identity("t", IdentityKind.EMAIL, "ADA@x.example")) == Handle("t", "email", "ada@x.example")
