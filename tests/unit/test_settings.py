"""A variable whose name is nearly a setting's is told; those of the deployment's own are not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import ApiSettings, misspelt


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PATHBOUND_MONGO_URI", "PATHBOUND_MONGO_URL"),
        ("PATHBOUND_KAFKA_BOOTSTRAP_SERVERS", "PATHBOUND_KAFKA_BOOTSTRAP"),
        ("PATHBOUND_LOGLEVEL", "PATHBOUND_LOG_LEVEL"),
    ],
)
def test_a_slip_of_the_pen_is_told_with_what_must_be_meant(variable: str, meant: str) -> None:
    assert misspelt([variable, meant]) == {variable: meant}


@pytest.mark.parametrize(
    "name", ["IMAGE", "HTTP_PORT", "DATA_DIR", "CACHE_DIR", "SECRETS_DIR", "STACK_MONGO", "TEST_SEED"]
)
def test_what_is_no_setting_and_nearly_none_is_left_alone(name: str) -> None:
    assert misspelt([f"PATHBOUND_{name}", "MONGO_URI"]) == {}


def test_no_limit_of_the_rate_is_written_as_0() -> None:
    assert ApiSettings(rate_limit_per_second=0).rate_limit_per_second == 0
    with pytest.raises(ValidationError):
        ApiSettings(rate_limit_per_second=float("inf"))


def test_a_command_warns_and_goes_on() -> None:
    command = [
        str(Path(sys.executable).with_name("pathbound")),
        "ledger",
        "--mongo-url",
        "mongodb://127.0.0.1:1/?timeoutMS=100",
    ]
    environment = os.environ | {"PATHBOUND_LOG_LEVL": "debug", "PATHBOUND_LOG_FORMAT": "json"}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert '"variable": "PATHBOUND_LOG_LEVL", "meant": "PATHBOUND_LOG_LEVEL"' in done.stderr
    assert "MongoDB cannot be used" in done.stderr
