"""MIME trees and their bytes: what is read, what hangs on a mail, and what is nobody's business."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.gmail.charsets import decoded, decoded_base64, decoded_body
from consumers.gmail.headers import Headers, charset_of, decoded_words, filename_of
from consumers.gmail.mime import Bodies, bodies_of
from schemas.gmail import PART
from service.conversations.model import Attachment
from tests.support.gmail import Resource, attachment_part, base64url, header, html_part, multipart, text_part
from tests.support.hypothesis_settings import unhurried

HTML = html_part("<p>Hi <b>all</b></p>")
TEXT = text_part("Hi all\r\n")
PDF = attachment_part("a.pdf")
PDF_TOLD = Attachment("a.pdf", "application/pdf", 12)


def read(payload: Resource) -> Bodies:
    return bodies_of(PART.validate_python(payload))


def rfc822(*inner: Resource, filename: str = "") -> Resource:
    return {**multipart("x", *inner), "mimeType": "message/rfc822", "filename": filename}


@pytest.mark.parametrize(
    ("payload", "text", "html", "attachments"),
    [
        (TEXT, "Hi all", None, ()),
        (HTML, "Hi all", "<p>Hi <b>all</b></p>", ()),
        (multipart("alternative", TEXT, HTML), "Hi all", "<p>Hi <b>all</b></p>", ()),
        (multipart("alternative", HTML, TEXT), "Hi all", "<p>Hi <b>all</b></p>", ()),
        (multipart("alternative", text_part("other"), TEXT), "Hi all", None, ()),
        (multipart("alternative", text_part("\r\n"), HTML), "Hi all", "<p>Hi <b>all</b></p>", ()),
        (multipart("mixed", TEXT, PDF), "Hi all", None, (PDF_TOLD,)),
        (multipart("mixed", TEXT, PDF, text_part("Bye")), "Hi all\n\nBye", None, (PDF_TOLD,)),
        (multipart("mixed", TEXT, HTML), "Hi all\n\nHi all", "Hi all<br>\n<p>Hi <b>all</b></p>", ()),
        (
            multipart("alternative", TEXT, multipart("mixed", HTML, PDF, html_part("<p>Bye</p>"))),
            "Hi all",
            "<p>Hi <b>all</b></p><br>\n<p>Bye</p>",
            (PDF_TOLD,),
        ),
        (
            multipart("mixed", multipart("alternative", TEXT, multipart("related", HTML, PDF)), text_part("-- list")),
            "Hi all\n\n-- list",
            "<p>Hi <b>all</b></p><br>\n-- list",
            (PDF_TOLD,),
        ),
        (
            multipart("signed", TEXT, attachment_part("s.p7s", "application/pkcs7-signature")),
            "Hi all",
            None,
            (Attachment("s.p7s", "application/pkcs7-signature", 12),),
        ),
        (
            multipart("mixed", TEXT, rfc822(text_part("secret"), PDF)),
            "Hi all",
            None,
            (Attachment(None, "message/rfc822", 0),),
        ),
        (
            multipart("mixed", TEXT, rfc822(TEXT, filename="f.eml")),
            "Hi all",
            None,
            (Attachment("f.eml", "message/rfc822", 0),),
        ),
        (
            multipart("mixed", HTML, text_part("<b>x", "text/html", filename="page.html")),
            "Hi all",
            "<p>Hi <b>all</b></p>",
            (Attachment("page.html", "text/html", 4),),
        ),
        (multipart("mixed", TEXT, text_part("BEGIN:VCALENDAR", "text/calendar")), "Hi all", None, ()),
        (text_part("# Hi", "text/markdown"), "# Hi", None, ()),
        (text_part("Hi", "text"), "Hi", None, ()),
        (text_part("BEGIN:VCALENDAR", "text/calendar"), None, None, ()),
        (multipart("mixed", TEXT, text_part("# Hi", "text/markdown")), "Hi all", None, ()),
        ({"body": {"data": base64url(b"untyped")}}, "untyped", None, ()),
        ({"mimeType": "TEXT/Plain", "body": {"data": base64url(b"shouting"), "size": -1}}, "shouting", None, ()),
        (attachment_part("big.txt", "text/plain"), None, None, (Attachment("big.txt", "text/plain", 12),)),
        (attachment_part("", "text/plain"), None, None, (Attachment(None, "text/plain", 12),)),
        (multipart("mixed"), None, None, ()),
        (
            multipart("mixed", TEXT, {"mimeType": "multipart/mixed", "parts": [None, 7, "x", [], TEXT]}),
            "Hi all\n\nHi all",
            None,
            (),
        ),
        ({}, None, None, ()),
    ],
)
def test_trees(payload: Resource, text: str | None, html: str | None, attachments: tuple[Attachment, ...]) -> None:
    assert read(payload) == (text, html, attachments)


def test_a_part_that_says_it_is_attached_is() -> None:
    attached = text_part("log")
    attached["headers"].append(header("content-DISPOSITION", " Attachment"))
    assert read(multipart("mixed", TEXT, attached)) == ("Hi all", None, (Attachment(None, "text/plain", 3),))


@pytest.mark.parametrize("size", [None, "12", 1.5, -1, True, 2**63, [12]])
def test_a_size_that_is_none_is_not_told(size: Any) -> None:
    assert read(multipart("mixed", attachment_part("a.pdf", size=size))).attachments == (
        Attachment("a.pdf", "application/pdf", None),
    )


@unhurried
@given(st.binary(), st.integers(0, 3), st.booleans())
def test_base64_of_either_alphabet_with_or_without_padding(data: bytes, cut: int, standard: bool) -> None:
    encoded = (base64.b64encode if standard else base64.urlsafe_b64encode)(data).decode()
    assert decoded_base64(encoded) == decoded_base64(encoded.rstrip("=")) == data
    assert decoded_base64("\r\n ".join(encoded)) == data
    truncated = encoded.rstrip("=")[: len(encoded.rstrip("=")) - cut]
    assert data.startswith(decoded_base64(truncated)[:-1])


@unhurried
@given(st.text(), st.text())
def test_any_data_in_any_charset_is_some_text(data: str, charset: str) -> None:
    part = {"mimeType": "text/plain", "headers": [header("Content-Type", f"text/plain; charset={charset}")]}
    text = read({**part, "body": {"data": data}}).text
    assert text is None or text.encode() is not None


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "ISO-8859-1", "Grüße"),
        ("Grüße “x”".encode("cp1252"), "iso-8859-1", "Grüße “x”"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),  # Gmail has converted it and left the header
        ("Grüße".encode("latin-1"), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "", "Grüße"),
        ("Grüße".encode("latin-1"), "us-ascii", "Grüße"),
        ("Grüße".encode("latin-1"), "x-unknown", "Grüße"),
        ("привет".encode("koi8-r"), "KOI8-R", "привет"),
        ("привет".encode("cp1251"), "windows-1251", "привет"),
        ("привет".encode(), "koi8-r", "привет"),
        ("すみません".encode("iso-2022-jp"), "ISO-2022-JP", "すみません"),
        ("すみません".encode(), "ISO-2022-JP", "すみません"),
        ("すみません".encode("shift_jis"), "Shift_JIS", "すみません"),
        ("中文信息".encode("gb18030"), "gb2312", "中文信息"),
        ("한국어".encode("euc-kr"), "ks_c_5601-1987", "한국어"),
        ("שלום".encode("iso8859_8"), "iso-8859-8-i", "שלום"),
        ("hello €".encode("utf-16"), "utf-16", "hello €"),
        ("hello €".encode(), "utf-16", "hello €"),
        (b"a\xff\x81", "utf-8", "aÿ\ufffd"),
        (b"abc-", "punycode", "abc-"),
        (b"\\u0041", "unicode_escape", "\\u0041"),
        (b"616263", "hex", "616263"),
        (b"abc", "utf-8\0", "abc"),
        (b"abc", "../../etc/passwd", "abc"),
        (b"", "utf-8", ""),
        ("привет".encode("cp1251"), "x-cp1251", "привет"),
        ("中文€".encode("cp950"), "big5", "中文€"),
        ("会議".encode("iso2022_jp_ext") + b"\x1b(I\x31\x1b(B", "iso-2022-jp", "会議ｱ"),
    ],
)
def test_bodies_in_charsets(data: bytes, charset: str, text: str) -> None:
    assert decoded_body(data, charset) == text


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("schöne Grüße".encode() + b"\xff", "utf-8", "schöne Grüße\ufffd"),
        ("schöne Grüße".encode()[:-1] + "ß".encode()[:1], "", "schöne Grüß\ufffd"),
        ("привет".encode("cp1251") + b"\x98", "windows-1251", "привет\ufffd"),
        ("中文信息".encode("gb18030")[:-1], "gb2312", "中文信\ufffd"),
        ("会議".encode("iso-2022-jp") + b"\x1b$B-!\x1b(B", "iso-2022-jp", "会議\ufffd"),
        ("Grüße".encode("latin-1") + "é".encode(), "utf-8", "GrüßeÃ©"),
    ],
)
def test_a_damaged_character_damages_no_other(data: bytes, charset: str, text: str) -> None:
    assert decoded_body(data, charset) == decoded(data, charset) == text


def test_a_damaged_body_that_gmail_converted_is_no_less_utf8_than_a_whole_one() -> None:
    assert decoded_body("schöne Grüße".encode() * 3 + b"\xc3", "iso-8859-1") == "schöne Grüße" * 3 + "\ufffd"
    assert decoded_body("МІСІЇ".encode("cp1251"), "windows-1251") == "МІСІЇ"  # three bytes of five would be UTF-8


def test_an_encoded_word_is_what_it_says_first() -> None:
    assert decoded("Ã©".encode("latin-1"), "iso-8859-1") == "Ã©"
    assert decoded(b"\xe9", "utf-8") == "é"


@pytest.mark.parametrize(
    ("charset", "text"),
    [("", "привет"), ("; charset=koi8-r", "ОПХБЕР")],
)
def test_html_may_tell_its_charset_where_the_header_does_not(charset: str, text: str) -> None:
    data = '<html><head><meta charset="windows-1251"></head><body>привет</body></html>'.encode("cp1251")
    part = {"mimeType": "text/html", "headers": [header("Content-Type", f"text/html{charset}")]}
    assert read({**part, "body": {"data": base64url(data)}}).text == text


@pytest.mark.parametrize(
    ("value", "charset"),
    [
        ('text/plain; charset="UTF-8"', "UTF-8"),
        ("text/plain; CharSet = iso-8859-1; format=flowed", "iso-8859-1"),
        ("text/plain;charset='utf-8'", "utf-8"),
        ("text/plain; charset*=us-ascii'en'utf-8", "utf-8"),
        ("text/plain", ""),
        ("charset=", ""),
        ("charset" * 100_000, ""),
    ],
)
def test_charset_of_a_content_type(value: str, charset: str) -> None:
    assert charset_of(value) == charset


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("raw ünïcode", "raw ünïcode"),
        ("=?utf-8?q?a_b=21?=", "a b!"),
        ("=?UTF-8?B?4pyT?= done", "✓ done"),
        ("ünï =?utf-8?q?=C3=A9?= end", "ünï é end"),
        ("=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c"),
        ("=?utf-8?q?=E2=9C?= =?utf-8?q?=93?=", "✓"),
        ("=?iso-8859-1?q?=E9?= =?utf-8?q?=C3=A9?=", "éé"),
        ("=?us-ascii*en?q?hi?=", "hi"),
        ("=?utf-8?q?Really??=", "Really?"),
        ("=?utf-8?q?with space?=", "with space"),
        ("=?nonsense?q?=E9?=", "é"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        ("=?utf-8?b?!!!?=", ""),
        ("=?utf-8?b?YQ?=", "a"),
        ("a=?utf-8?q?b?=c", "abc"),
    ],
)
def test_encoded_words(value: str, text: str) -> None:
    assert decoded_words(value) == text


@pytest.mark.parametrize("unit", ["=?", "=?a?q?", "=?a?q??=", "=?a?b?YQ?= ", "?=", "=?a?q?x?==?a?b?"])
def test_hostile_words_are_decoded_in_one_pass(unit: str) -> None:
    assert len(decoded_words(unit * (256 * 1024 // len(unit)))) <= 256 * 1024


@pytest.mark.parametrize(
    ("given_name", "headers", "filename"),
    [
        ("offer.pdf", [], "offer.pdf"),
        ("=?utf-8?Q?Angebot_f=C3=BCr.pdf?=", [], "Angebot für.pdf"),
        ("utf-8''na%C3%AFve%20file.txt", [], "naïve file.txt"),
        ("100% sure's 20%20.txt", [], "100% sure's 20%20.txt"),
        ("a\0b\r\n.txt", [], "ab .txt"),
        ("", [("Content-Disposition", "attachment; filename*=utf-8''na%C3%AFve.txt")], "naïve.txt"),
        ("", [("Content-Disposition", 'attachment; filename*0="long "; filename*1="name.txt"')], "long name.txt"),
        ("", [("Content-Type", 'application/pdf; name="=?utf-8?B?w6kucGRm?="')], "é.pdf"),
        ("", [("Content-Disposition", "attachment; filename*=no-such''x%20y")], "x y"),
        ("", [("Content-Disposition", 'attachment; filename="')], None),
        ("", [("Content-Disposition", "a;" * 100_000)], None),
        ("", [], None),
        (" ", [], None),
    ],
)
def test_filenames(given_name: str, headers: list[tuple[str, str]], filename: str | None) -> None:
    assert filename_of(given_name, Headers((name.lower(), value) for name, value in headers)) == filename


def test_headers_are_found_whatever_their_case() -> None:
    headers = Headers([("X-A", ""), ("x-a", "first"), ("X-a ", "second")])
    assert headers.all("x-a") == ["", "first", "second"]
    assert headers.first("x-a") == "first"
    assert headers.first("x-b") == ""


def test_all_bodies_together_are_bounded() -> None:
    """A stored message must fit into one document of 16 MB."""
    many = [part for _ in range(12) for part in (text_part("&" * 1_000_000), html_part("&nbsp;" * 170_000))]
    bodies = read(multipart("mixed", *many))
    assert bodies.text is not None
    assert bodies.html is not None
    assert len(bodies.text.encode()) + len(bodies.html.encode()) < 14 * 1024 * 1024
    tagged = read(multipart("mixed", *[html_part("<p>x<b>y</b></p>" * 80) for _ in range(900)]))
    assert tagged.text is not None
    assert tagged.text.count("xy") == 1024 * 1024 // len("<p>x<b>y</b></p>")
