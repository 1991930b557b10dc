"""Origins, spelt as browsers spell them."""

import pytest

from schemas.origins import parse_origin


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        (" HTTPS://WWW.Example.com/ ", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_as_browsers_send_them(given: str, origin: str) -> None:
    assert parse_origin(given) == origin


@pytest.mark.parametrize(
    "given",
    ["", "null", "*", "example.com", "https://", "https://*.example.com", "https://example.com/shop", "ftp://a.example",
     "https://a.example?x", "https://u:p@a.example", "https://a.example:port", "https://[broken", "file:///a"],
)  # fmt: skip
def test_anything_else_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="must be an origin such as"):
        parse_origin(given)
