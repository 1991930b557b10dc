"""Real mails, where the shared folder is: Gmail's own resources, and public test mails turned into such."""

import base64
import html
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.gmail.addresses import valid_address
from consumers.gmail.normalise import normalise
from consumers.runtime.outcomes import InvalidRecordError, Record
from schemas.topics import GMAIL_MESSAGES
from service.conversations.incoming import Content, MessageFact
from service.conversations.model import Direction
from tests.support.gmail import RECEIVED, gmail_message, gmail_record, resource_of
from tests.support.tracker_fixtures import FIXTURES

GMAIL = {path.stem: path for path in sorted((FIXTURES / "gmail").glob("*.json")) if "schemas" not in path.stem}
MAILS = {path.stem: path for path in sorted((FIXTURES / "rfc5322").glob("*.eml"))}
MAILBOX = "lydia.stepanek@gmail.com"
TOLERANCE = timedelta(hours=1)


def fact_of(resource: dict[str, Any], mailbox: str = "rep@ours.example") -> MessageFact:
    (fact,) = normalise(gmail_record(resource, mailbox=mailbox), TOLERANCE).messages
    return fact


def content_of(fact: MessageFact) -> Content:
    assert fact.content is not None
    return fact.content


def of_gmail(name: str) -> MessageFact:
    return fact_of(json.loads(_path(GMAIL, name).read_text()), MAILBOX)


def of_mail(name: str) -> Content:
    return content_of(fact_of(resource_of(_path(MAILS, name).read_bytes())))


def _path(paths: dict[str, Path], name: str) -> Path:
    if name not in paths:
        pytest.skip("the shared folder is not here")
    return paths[name]


@pytest.mark.parametrize("name", GMAIL)
def test_every_gmail_resource_tells_its_story(name: str) -> None:
    fact = of_gmail(name)
    content, message = content_of(fact), content_of(fact).message
    assert fact.state is not None
    assert fact.state.version is not None
    assert fact.state.version[0] > 10_000_000
    assert fact.state.hidden is None
    assert message.sender is not None
    assert "@" in (message.sender.address or "")
    assert message.to[0].address == MAILBOX
    assert message.subject
    assert message.text is not None
    assert datetime(2023, 1, 1, tzinfo=UTC) < message.sent_at < RECEIVED
    assert MAILBOX not in content.addresses
    assert content.copy
    for form in (message.text, message.html or "", message.snippet or ""):
        assert "<script" not in form
        assert "src=" not in form
        assert "\n\n\n\n" not in form.replace("\r", "")


@pytest.mark.parametrize(
    ("name", "sent", "outbound", "addresses", "has_html", "attachments"),
    [
        ("gmail_self_sent_empty_body", True, True, (), True, []),
        ("gmail_inline_image_attachmentId", True, True, (), True, ["IMG-1127.jpg"]),
        ("gmail_html_plus_xls_attachment", False, False, ("help@isthisphishy.io",), True, ["invoice_958306.xls"]),
        ("gmail_text_plain_single_part", False, False, ("no-reply@sns.amazonaws.com",), False, []),
        ("gmail_forward_archived_refs", False, True, (), True, []),
        ("gmail_html_only", False, False, ("help@isthisphishy.io",), True, []),
        ("gmail_bare_from_address", False, False, ("lyddieuh@tranco-list.eu",), True, []),
        ("gmail_newsletter_large", False, False, ("info@bookbub.com",), True, []),
    ],
)
def test_what_gmail_resources_show(
    name: str, sent: bool, outbound: bool, addresses: tuple[str, ...], has_html: bool, attachments: list[str]
) -> None:
    fact = of_gmail(name)
    content = content_of(fact)
    assert fact.state is not None
    assert fact.state.direction == (Direction.OUTBOUND if sent else None)
    assert content.direction is (Direction.OUTBOUND if outbound else Direction.INBOUND)
    assert content.addresses == addresses
    assert (content.message.html is not None) is has_html
    assert [one.filename for one in content.message.attachments] == attachments


def test_a_body_that_gmail_converted_reads_right_whatever_its_header_says() -> None:
    """The newsletter's HTML says iso-8859-1, and is UTF-8."""
    message = content_of(of_gmail("gmail_newsletter_large")).message
    assert message.html is not None
    assert "“outrageous”" in message.html
    assert "Â" not in message.html
    assert message.snippet is not None
    assert "“outrageous”" in message.snippet


@pytest.mark.parametrize("name", MAILS)
def test_every_mail_is_stored(name: str) -> None:
    content = of_mail(name)
    message = content.message
    repr(content).encode()
    assert message.sender is not None
    assert message.sent_at <= RECEIVED
    assert all("@" in address for address in content.addresses)
    assert message.subject is None or "=?" not in message.subject
    assert all(one.filename is None or "=?" not in one.filename for one in message.attachments)


@pytest.mark.parametrize(
    ("name", "sender", "to", "subject", "text"),
    [
        ("cpython__msg_01", "bbb@ddd.com", ["bbb@zzz.org"], "This is a test message", "Do you like this message?"),
        (
            "cpython__msg_02",
            "ppp-request@zzz.org",
            ["ppp@zzz.org"],
            "Ppp digest, Vol 1 #2 - 5 msgs",
            "Send Ppp mailing",
        ),
        ("cpython__msg_05", None, [None], "bar", "Yadda yadda yadda"),
        ("cpython__msg_36", "internet-drafts@ietf.org", [], "I-D ACTION:draft-ietf-mboned-mix-00.txt", "Blah blah"),
        (
            "cpython__msg_43",
            None,
            ["webmaster@python.org"],
            "Banned file: auto__mail.python.bat in mail from you",
            "BANNED",
        ),
        (
            "flanker__bilingual-simple",
            "hello@example.com",
            ["bob@example.com"],
            "Simple text. How are you? Как ты поживаешь?",
            "А эта линия по-русски.",
        ),
        ("flanker__encoded-header", "foo.bar@example.com", ["foo@example.com"], "hello", "hello, world"),
        ("flanker__no-ctype", "bob@marley.com", ["hello@there.com"], "Testing message parsing", "I'm just testing"),
        (
            "mail-parser__mail_test_14",
            "example@example.com",
            ["rcpt@example.com"],
            "Test",
            "HTML here\n\nPlaintext here.",
        ),
        (
            "mail__attachment_message_rfc822",
            "foo@example.com",
            ["blah@example.com"],
            "testing",
            "This is the first part.",
        ),
        (
            "mail__encoding_madness",
            "no-reply@crm.el-example.org",
            ["e-f5f4@app.ar-example.com"],
            "eBay Bid - 2008 Ford Super Duty F-350 DRW King Ranch Crew Cab 4x4 (156) - Stock# XXXX",
            "Body Text",
        ),
        (
            "mail__header_fields_with_empty_values",
            "jorn@prikkprikkprikk.no",
            ["aftest@adfontesmedier.no"],
            "Testmail",
            "Jørn Støylen",
        ),
        ("mail__japanese", "raasdnil@gmail.com", ["raasdnil@gmail.com"], "まみむめも", "かきくえこ"),
        ("mail__japanese_iso_2022", "raasdnil@gmail.com", ["raasdnil@gmail.com"], "まみむめも", "すみません。"),
        (
            "mail__raw_email_multiple_from",
            "tim@powerupdev.com",
            ["tim@powerupdev.com", "concierge@powerupdev.com"],
            "/home/svn/public/minebox revision 214",
            "recordkick",
        ),
        (
            "mail__raw_email_with_at_display_name",
            "test@lindsaar.net",
            ["smith@gmail.com", "raasdnil@gmail.com", "tom@gmail.com"],
            "Testing 123",
            "Hope it works well!",
        ),
        ("mail__utf8_headers", "jdöe@mächine.example", ["märy@exämple.net"], "Säying Hello", "body"),
        (
            "mail__weird_to_header",
            "anonymous@i.tp.host",
            ["user-example@aol.com", "e-s-a-s-2200@app.ar.com"],
            None,
            "CONTACT:",
        ),
    ],
)
def test_what_mails_show(name: str, sender: str | None, to: list[str | None], subject: str | None, text: str) -> None:
    message = of_mail(name).message
    assert message.sender is not None
    assert message.sender.address == sender
    assert [one.address for one in message.to] == to
    assert message.subject == subject
    assert text in (message.text or "")


@pytest.mark.parametrize(
    ("name", "filename", "content_type"),
    [
        ("mail__attachment_with_encoded_name", "01 Quien Te Dij", "application/octet-stream"),
        ("mail__raw_email_with_nested_attachment", "truncated.png", "image/png"),
        ("mail__raw_email7", "test.rb", "text/x-ruby-script"),
        ("mail__attachment_message_rfc822", "ForwardedMessage.eml", "message/rfc822"),
        ("cpython__msg_26", "clock.bmp", "application/riscos"),
        ("cpython__msg_04", "msg.txt", "text/plain"),
    ],
)
def test_what_hangs_on_mails(name: str, filename: str, content_type: str) -> None:
    first = of_mail(name).message.attachments[0]
    assert (first.filename or "").startswith(filename)
    assert first.content_type == content_type


def test_a_message_within_a_mail_is_nobodys_content() -> None:
    content = of_mail("mail__attachment_message_rfc822")
    assert content.message.text == "This is the first part."
    assert not any("xxxx" in address for address in content.addresses)


@pytest.mark.parametrize("name", ["mail__raw_email_with_bad_date", "mail__bad_date_header", "cpython__msg_05"])
def test_without_a_readable_date_it_was_sent_when_it_came(name: str) -> None:
    assert of_mail(name).message.sent_at == RECEIVED


def test_a_bounce_names_a_daemon_and_nothing_of_the_returned_mail() -> None:
    content = of_mail("mail__report_422")
    assert content.addresses == ("mailer-daemon@tppppp.com.au", "jennifer@sss.sssssss.net.au")
    assert content.message.subject == "Warning: could not send message for past 8 hours"


def hostile_addresses() -> list[str]:
    """Those that others' parsers are tested with, right ones and wrong ones."""
    folder = FIXTURES / "hostile-input"
    lists = [path.read_text().splitlines() for path in sorted(folder.glob("flanker_*.txt"))]
    tests = folder / "isemail_tests.xml"
    found = [html.unescape(one) for one in re.findall(r"<address>(.*?)</address>", tests.read_text(), re.DOTALL)]
    return [address for one in lists for address in one] + found


@pytest.mark.skipif(not (FIXTURES / "hostile-input").is_dir(), reason="the shared folder is not here")
def test_hostile_addresses_are_stored() -> None:
    addresses = hostile_addresses()
    assert len(addresses) > 300
    for address in addresses:
        resource = gmail_message(sender=address, to=f"Somebody <{address}>", cc=address, mail_id=address)
        content = content_of(fact_of(resource))
        repr(content).encode()
        assert all(valid_address(one) == one for one in content.addresses)


@pytest.mark.skipif(not (FIXTURES / "hostile-input").is_dir(), reason="the shared folder is not here")
def test_hostile_json_is_refused() -> None:
    texts = json.loads((FIXTURES / "hostile-input" / "json_parsing_a.base64.json").read_text())
    values = [base64.b64decode(text) for text in (texts.values() if isinstance(texts, dict) else texts)]
    assert len(values) > 100
    for value in values:
        with pytest.raises(InvalidRecordError):
            normalise(Record(GMAIL_MESSAGES, 0, 0, value[:100], value, RECEIVED, (("x-request-id", value),)), TOLERANCE)
