"""Commands started without standard streams do what they were asked, and nobody hears of it; on a full disk they say
so."""

from pathlib import Path

import pytest

from service.mongo.store import MongoStore
from tests.support.commands import in_bash


async def test_closed_streams_keep_no_command_from_its_work(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    path, exported, closed = tmp_path / "contacts.jsonl", tmp_path / "exported.jsonl", "<&- >&- 2>&-"
    path.write_text('{"email": "ada@example.com"}\n')
    assert in_bash(f"exec PATHBOUND import {path} --tenant acme {closed}", env).returncode == 0
    assert await store.database["contacts"].count_documents({"tenant_id": "acme"}) == 1
    assert in_bash(f"exec PATHBOUND export contacts --tenant acme --output {exported} {closed}", env).returncode == 0
    assert "ada@example.com" in exported.read_text()


async def test_an_input_that_is_closed_is_an_empty_one(env: dict[str, str]) -> None:
    refused = in_bash("exec PATHBOUND webhooks intercom set --tenant acme <&-", env)
    assert (refused.returncode, "Traceback" in refused.stderr, "crashed" in refused.stderr) == (2, False, False)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", ["--help", "openapi", "keys create --tenant acme --scope contacts:read"])
def test_an_output_on_a_full_disk_is_a_sentence(env: dict[str, str], command: str) -> None:
    told = in_bash(f"exec PATHBOUND {command} > /dev/full", env)
    assert (told.returncode, "Traceback" in told.stderr, "crashed" in told.stderr) == (1, False, False)
    assert "The disk is full" in told.stderr
