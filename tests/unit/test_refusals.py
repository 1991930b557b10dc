"""A refusal is no outage: what is told of it, how often, and that nothing secret is told."""

from pathlib import Path

import pytest
from aiokafka.errors import InvalidTimestampError, KafkaConnectionError, TopicAuthorizationFailedError
from pydantic import ValidationError
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from structlog.testing import capture_logs

from service.errors import SetupError, StoreRefusedError, StoreUnavailableError, StreamRefusedError
from service.kafka.connection import client_options
from service.kafka.refusals import unavailable
from service.mongo.client import make_client
from service.mongo.errors import in_core_words
from service.ops import refusals
from service.settings import KafkaSettings, MongoSettings

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_told", {})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationFailure(f"auth failed for {SECRET}", 18), "refuses the login"),
        (OperationFailure(f"not authorized to execute {SECRET}", 13), "lacks a permission"),
        (OperationFailure("Transaction numbers are only allowed on …", 20), "--replSet"),
        (ServerSelectionTimeoutError("m: SSL handshake failed: certificate has expired"), "has expired"),
        (AutoReconnect("m: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable"), "no known CA"),
        (AutoReconnect("certificate verify failed: Hostname mismatch, certificate is not valid"), "another host name"),
    ],
)
def test_what_mongodb_refuses_is_told_with_what_to_do(error: PyMongoError, told: str) -> None:
    with capture_logs() as lines:
        refused = in_core_words(error)
    assert isinstance(refused, StoreRefusedError)
    assert told in str(refused)
    assert [(line["event"], line["log_level"], line["what_to_do"]) for line in lines] == [
        ("server_refuses_us", "error", str(refused))
    ]
    assert SECRET not in str(lines)


@pytest.mark.parametrize(
    "error", [AutoReconnect("connection closed"), ServerSelectionTimeoutError("Connection refused")]
)
def test_an_outage_is_told_by_nobody(error: PyMongoError) -> None:
    with capture_logs() as lines:
        away = in_core_words(error)
    assert type(away) is StoreUnavailableError
    assert lines == []


def test_the_same_refusal_is_told_again_after_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("service.ops.refusals.time.monotonic", lambda: now[0])
    with capture_logs() as lines:
        for seconds in (0, 10, 19.9, 0.1, 1):
            now[0] += seconds
            refusals.tell_refusal("kafka", "do this")
        refusals.tell_refusal("kafka", "do that")
    assert [line["what_to_do"] for line in lines] == ["do this", "do this", "do that"]


def test_what_an_acl_forbids_is_a_refusal_and_a_lost_connection_is_none() -> None:
    refused = unavailable(TopicAuthorizationFailedError("t"), "publish to", "contacts.changes")
    assert isinstance(refused, StreamRefusedError)
    assert "forbid to publish to contacts.changes: allow Write" in str(refused)
    assert not isinstance(unavailable(KafkaConnectionError("gone"), "read", "t"), StreamRefusedError)


def test_the_password_of_kafka_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    options = client_options(
        KafkaSettings(
            kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="u", kafka_sasl_password_file=str(file)
        )
    )
    password = options["sasl_plain_password"]
    assert password.encode("utf-8") == b"first"
    file.write_text(f"{SECRET} ")
    assert password.encode("utf-8") == f"{SECRET} ".encode(), "only the line's end is taken off"
    assert SECRET not in repr(options)


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        f"mongodb://u:{SECRET}@@h/",
        f"mongodb://u:{SECRET}@h:99999/",
        f"mongodb://h/?{SECRET}=1",
        "mongodb://",
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(url: str) -> None:
    with pytest.raises(SetupError) as refused:
        make_client(MongoSettings(mongo_url=url), None)
    assert "PATHBOUND_MONGO_URL is no connection string" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("address", ["", "kafka://h:9092", "h", "h:port", "u@h:1", "h:1,", "h:1 h:2"])
def test_an_address_of_kafka_is_hosts_with_ports(address: str) -> None:
    with pytest.raises(ValidationError, match="write host:port"):
        KafkaSettings(kafka_bootstrap=address)


@pytest.mark.parametrize("address", ["h:9092", "a.b-c:1,d:65535", "127.0.0.1:9092, h:1", "[::1]:9092"])
def test_several_hosts_will_do(address: str) -> None:
    assert KafkaSettings(kafka_bootstrap=address).kafka_bootstrap == address


def test_a_clock_that_kafka_does_not_believe_is_told_with_what_to_do() -> None:
    refused = unavailable(InvalidTimestampError("too far"), "publish to", "contacts.changes")
    assert isinstance(refused, StreamRefusedError)
    assert "set this machine's clock" in str(refused)
