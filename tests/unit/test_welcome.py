"""What `pathbound up` prints for people to paste."""

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

from deploy.stack.local import StackAddresses
from deploy.stack.welcome import Welcome


def test_a_password_in_an_address_that_was_given_is_not_printed() -> None:
    empty = {field.name: None for field in dataclasses.fields(StackAddresses)}
    url = "mongodb://ada:s3cret@db.example:27017/?replicaSet=rs0"
    given = StackAddresses(**cast("Any", empty | {"mongo_url": url, "kafka_bootstrap": "kafka.example:9092"}))
    nothing = cast("Any", None)
    services = cast("Any", SimpleNamespace(erasure_secret_file=None))

    line = Welcome(nothing, services, given, "http://127.0.0.1:8080", "pbk_x").exports()

    assert "s3cret" not in line
    assert "ada:****@db.example" in line
    assert "kafka.example:9092" in line
