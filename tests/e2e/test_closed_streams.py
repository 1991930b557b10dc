"""Commands started without standard streams: they do what they were asked, and nobody hears of it."""

from pathlib import Path

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
