"""Whether a webhook was signed with the app's secret."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.intercom import signature_matches

SECRET = "b1946ac9-secret"
BODY = b'{"type":"notification_event","topic":"ping"}'
HEX = hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()


def test_a_signature_as_intercom_makes_it() -> None:
    """The digest is written out, so that it is not checked against itself alone."""
    assert HEX == "22d68f89f3cdd52d7646fd344a6637ac053d092f"
    assert signature_matches(SECRET, BODY, f"sha1={HEX}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha1=",
        HEX,
        f"sha256={HEX}",
        f"SHA1={HEX}",
        f"sha1={HEX[:-1]}",
        f"sha1={HEX}0",
        f"sha1={HEX.upper()}",
        f" sha1={HEX}",
        f"sha1={HEX}\n",
        f"sha1={HEX[:-1]}é",
        f"sha1={HEX[:-1]}\udcff",
        "\0",
        f"sha1={'0' * 40}",
        f"sha1={HEX},sha1={HEX}",
    ],
)
def test_anything_else_is_none(header: str | None) -> None:
    assert not signature_matches(SECRET, BODY, header)


def test_it_signs_these_bytes_with_this_secret() -> None:
    header = f"sha1={HEX}"
    assert not signature_matches(SECRET, BODY + b" ", header)
    assert not signature_matches(SECRET, b"", header)
    assert not signature_matches(SECRET + "x", BODY, header)


def test_nothing_is_signed_without_a_secret() -> None:
    forged = hmac.new(b"", BODY, hashlib.sha1).hexdigest()
    assert not signature_matches("", BODY, f"sha1={forged}")


@given(st.text(min_size=1), st.binary(), st.text())
def test_any_secret_body_and_header_have_an_answer(secret: str, body: bytes, header: str) -> None:
    right = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    assert signature_matches(secret, body, f"sha1={right}")
    assert not signature_matches(secret, body, header)
