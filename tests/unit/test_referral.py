"""Where visits come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.tracker import referral
from consumers.tracker.referral import campaign_in, referring_domain


@pytest.mark.parametrize(
    ("referrer", "own", "domain"),
    [
        ("https://www.google.com/search?q=x", "shop.example", "www.google.com"),
        ("HTTP://News.Example:8080/a", "shop.example", "news.example"),
        ("https://shop.example/cart", "shop.example", None),
        ("https://www.shop.example/cart", "Shop.Example", None),
        ("https://shop.example", "www.shop.example:8443", None),
        ("https://blog.shop.example/", "www.shop.example", None),
        ("https://shop.example/", "blog.shop.example", None),
        ("https://notshop.example/", "shop.example", "notshop.example"),
        ("https://r.example/", None, "r.example"),
        ("$direct", "shop.example", None),
        ("", "shop.example", None),
        ("android-app://com.example.mail/", "shop.example", None),
        ("http://[broken", "shop.example", None),
        (f"https://long.example/{'x' * 60_000}", "shop.example", "long.example"),
    ],
)
def test_the_site_that_referred_the_visit(referrer: str, own: str | None, domain: str | None) -> None:
    assert referring_domain(referrer, own) == domain


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://x.example/?utm_source=news&utm_medium=mail", {"utm_source": "news", "utm_medium": "mail"}),
        ("https://x.example/?utm_source=a%20b&utm_source=second&other=1", {"utm_source": "a b"}),
        ("https://x.example/?utm_source=%ff", {"utm_source": "\ufffd"}),
        ("https://x.example/#utm_source=a", {}),
        ("https://x.example/?" + "utm_source=a&" * 500, {}),
        ("http://[broken?utm_source=a", {}),
        ("https://x.example/", {}),
    ],
)
def test_the_campaign_in_an_address(url: str, found: dict[str, str]) -> None:
    assert campaign_in(url) == found


@given(st.text(), st.text() | st.none())
def test_any_text_is_taken(text: str, own: str | None) -> None:
    for url in (text, f"https://{text}", f"https://x.example/?utm_source={text}"):
        referring_domain(url, own)
        assert set(campaign_in(url)) <= {name for name in campaign_in(url) if name.startswith("utm_")}


@pytest.mark.parametrize(
    ("referrer", "own"), [("https://a.example/" + "x" * 600, "b"), ("https://a.example/", "b" * 600)]
)
def test_what_is_long_is_not_kept_in_mind(referrer: str, own: str) -> None:
    before = referral._remembered.cache_info().currsize
    assert referring_domain(referrer, own) == "a.example"
    assert referral._remembered.cache_info().currsize == before
