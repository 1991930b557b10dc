"""HTML from strangers: readable as text, harmless as HTML, and never too much work."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.html import MAX_ATTRIBUTES, MAX_HTML_LENGTH, MAX_TAGS, readable
from tests.support.hypothesis_settings import unhurried

HARMLESS_TAGS = set(
    "a abbr acronym address article aside b bdi bdo blockquote br caption center cite code col colgroup data dd del "
    "details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li main mark "
    "nav ol p pre q rp rt rtc ruby s samp section small span strike strong sub summary sup table tbody td tfoot th "
    "thead time tr tt u ul var wbr".split()
)
HARMLESS_ATTRIBUTES = set("alt colspan dir href lang rel rowspan start title".split())


class Judge(HTMLParser):
    """Reads the HTML as another parser does, and says what is in it that could do harm."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in HARMLESS_TAGS:
            self.faults.append(tag)
        self.faults += [f"{tag} {name}" for name, _ in attrs if name not in HARMLESS_ATTRIBUTES]
        given_to = dict(attrs)
        if "href" in given_to:
            scheme = (given_to["href"] or "").partition(":")[0]
            if scheme.lower() not in {"http", "https", "mailto"}:
                self.faults.append(f"link to {scheme}")
        if tag == "a" and given_to.get("rel") != "noopener noreferrer nofollow":
            self.faults.append("link without rel")

    def handle_comment(self, data: str) -> None:
        self.faults.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.faults.append("declaration")


pieces = st.sampled_from(
    "<p> </p> <div> </div> <b> <i> <a href='https://x.example/?a=1&amp;b=2'> <a href=javascript:alert(1)> </a> <table> "
    "<tr> <td> </table> <svg> <math> <mi> <style> </style> <script> </script> <title> </title> <textarea> <!-- --> "
    "<noscript> </noscript> <img/src=x onerror=alert(1)> <iframe src=//x> <form action=x> <input autofocus onfocus=x> "
    "<base href=//x> <object data=x> <embed src=x> <link href=x> <body background=x> <select> <option> <template> "
    "<mglyph> <desc> <foreignObject> <annotation-xml encoding=text/html> <plaintext> <xmp> </xmp> <![CDATA[ ]]> &lt; "
    "&amp;lt; &#0; &#x110000; &nbsp; \" ' > < = text <p/style='background:url(//x)'> <x:y> <frameset> <li> <ul> "
    "\0 \ud800 \u200c é".split()
)
soups = st.lists(pieces | st.text(max_size=5), max_size=40).map("".join)


@unhurried
@given(soups)
def test_no_soup_yields_anything_harmful(soup: str) -> None:
    text, html = readable(soup)
    assert not Judge(html).faults
    for form in (text, html):
        form.encode()
        assert "\0" not in form


@unhurried
@given(soups)
def test_text_reads_well(soup: str) -> None:
    text = readable(soup).text
    assert "\n\n\n" not in text
    assert all(line == line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
        ("<div>One</div><div>Two<br>Three</div>four", "One\nTwo\nThree\nfour"),
        ("<p>a</p><br><br><br><br><p>b</p>", "a\n\nb"),
        ("<ul><li>ink<li>paper</ul><ol><li>first<li>second</ol>", "* ink\n* paper\n1. first\n2. second"),
        (
            "<table><tr><th>Item<th>Price</tr><tr><td>Ink</td><td>3&nbsp;&euro;</td></tr></table>",
            "Item  Price\nInk  3 €",
        ),
        ("<table><tr><td><table><tr><td>in</td></tr></table></td></tr></table>after", "in\nafter"),
        ("Hello <b>dear</b>&nbsp;<i>friend</i>, you", "Hello dear friend, you"),
        ("see <a href='https://x.example/?a=1&copy=2'>our offer</a>!", "see our offer!"),
        ("<img src='https://x.example/p.gif'><img src='cid:logo' alt='Logo'>", "[Logo]"),
        ("<img src='https://x.example/p.gif' alt=' '><img alt='\u00a0'>Hi", "Hi"),
        ("<p>No.</p><blockquote>Are you in?<blockquote>Hi</blockquote></blockquote>", "No.\n\nAre you in?\nHi"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("&lt;b&gt; &amp;lt; a&amp;copy=1", "<b> &lt; a&copy=1"),
        ("<html><head><title>T</title><style>p{}</style></head><body>B</body></html>", "B"),
        (
            "<p>B</p></body></html><p>List footer</p></body></html>Checked for viruses",
            "B\n\nList footer\n\nChecked for viruses",
        ),
        ("<html><body>One</body></html><html><body>two</BODY ></HTML>three", "One two three"),
        ("<script>x</script>y<style>z</style><noscript>n</noscript><svg><text>s</text></svg>", "y"),
        ("a<!-- b -->c<![if !mso]>d<![endif]>", "acd"),
        ("Sale!" + "&zwnj;&nbsp;\u034f" * 150 + "<p>Body</p>", "Sale!\n\nBody"),
        ("\ufeffa\u00adb\u200bc", "abc"),
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("<p>unclosed <b>tags <i>everywhere", "unclosed tags everywhere"),
        ("a\0b\ud800c\x1b", "ab\ufffdc"),
    ],
)
def test_how_html_reads(html: str, text: str) -> None:
    assert readable(html).text == text


@pytest.mark.parametrize(
    ("html", "safe"),
    [
        ("<p onclick=x style='background:url(//x)' class=c>Hi</p>", "<p>Hi</p>"),
        ("<body background='//x' bgcolor=red><p>Hi</p></body>", "<p>Hi</p>"),
        ("<form action=//x><input name=a><p>Hi</p></form>", "<p>Hi</p>"),
        (
            "<img src='//x' srcset='//x 2x' alt='A'><img src='cid:1'><img src='data:image/png,x'>",
            '<img alt="A"><img><img>',
        ),
        ("<base href='//x'><meta http-equiv=refresh content='0;//x'><link rel=stylesheet href='//x'>a", "a"),
        ("<a href=' java\nscript:x'>a</a>", '<a rel="noopener noreferrer nofollow">a</a>'),
        ("<a href='/v1/contacts'>a</a>", '<a rel="noopener noreferrer nofollow">a</a>'),
        ("<a href='//x.example'>a</a>", '<a rel="noopener noreferrer nofollow">a</a>'),
        (
            "<a href='https://x.example/?a=1&b=2' target=_blank>a</a>",
            '<a href="https://x.example/?a=1&amp;b=2" rel="noopener noreferrer nofollow">a</a>',
        ),
        ("<a href='mailto:a@x.example'>a</a>", '<a href="mailto:a@x.example" rel="noopener noreferrer nofollow">a</a>'),
        ("<p dir=rtl lang=he>שלום</p>", '<p dir="rtl" lang="he">שלום</p>'),
        ("<td colspan=2>", ""),
        ("<table><tr><td colspan=2 width=9>x", '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>'),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
    ],
)
def test_what_is_left_of_html(html: str, safe: str) -> None:
    assert readable(html).html == safe


def repeated(unit: str, times: int | None = None) -> str:
    return unit * (times or MAX_HTML_LENGTH // len(unit))


HOSTILE = {
    "nested": repeated("<div>", 100_000) + "end",
    "nested tables": repeated("<table><tr><td>") + "end",
    "a wide table": "<table>" + repeated("<td>x", 100_000),
    "columns of a long line": "<table>" + repeated("<tr><td>x", 2_000) + "x" * 500_000,
    "distinct open formatting": "".join(f"<b id={i}>" for i in range(200)) + repeated("<p>x", 200_000),
    "attributes": "<p " + " ".join(f"a{i}" for i in range(150_000)) + ">end",
    "only <": repeated("<"),
    "only &": repeated("& "),
    "references": repeated("&ampampamp"),
    "a reference of many digits": f"&#{'9' * 900_000};end",
    "open tags": repeated("<a "),
    "open quotes": repeated('<a b="'),
    "open scripts": repeated("<script>"),
    "open comments": repeated("<!--"),
    "misnested": repeated("<b><i><u></b></i></u>"),
    "one line of many tags": repeated("<b></b>" + "x" * 46, MAX_TAGS),
    "deep lists of lines": repeated("<ul><li>", 100) + "<pre>" + repeated("\n"),
    "joiners": repeated("\u200c "),
    "spaces": "<pre>" + repeated(" "),
    "soft hyphens": repeated("\u00ad"),
    "attributes behind the end": "</html><p " + " ".join(f"a{i}" for i in range(150_000)) + ">end",
    "attributes that hold the end of a tag": "<p " + " ".join(f"a{i:x}='>'" for i in range(95_000)) + ">end",
    "escaped": repeated("&nbsp;\u00a0"),
    "unicode": repeated("\U0001f600"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_is_bounded(name: str) -> None:
    """Each of these took seconds to minutes, or gigabytes, in one library or another."""
    text, html = readable(HOSTILE[name])
    assert len(text) <= MAX_HTML_LENGTH
    assert len(html) <= 6 * MAX_HTML_LENGTH
    assert not Judge(html).faults


@pytest.mark.parametrize(("more", "expected"), [(0, "<b>x</b><p>end</p>"), (1, "x<br>end")])
def test_html_with_more_attributes_in_a_tag_than_the_bound_is_given_as_plain_text(more: int, expected: str) -> None:
    attributes = " ".join(f"a{number}" for number in range(MAX_ATTRIBUTES + more))
    assert readable(f"<b>x</b><p {attributes}>end").html == expected


def test_beyond_a_limit_the_text_is_still_there() -> None:
    text, html = readable("<head><title>T</title></head>" + "<div>" * 1_000 + "Hello <b>Ada</b> &amp; all</div><p>Bye")
    assert text == "Hello Ada & all\n\nBye"
    assert html == "Hello Ada &amp; all<br><br>Bye"


def test_what_follows_the_limit_is_cut_off() -> None:
    text, html = readable("a" * MAX_HTML_LENGTH + "<p>beyond")
    assert text == html == "a" * MAX_HTML_LENGTH
