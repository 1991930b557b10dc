"""schemathesis against the running service on the real MongoDB, all its checks on: no failure and no 5xx.

PATHBOUND_TEST_SEED chooses the seed; a failure prints it, and how to send the same request again.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.openapi import COMMITTED
from tests.support.worlds import make_world

SUPPORT = Path(__file__).parents[1] / "support"
DEADLINE_S = 400
OPERATIONS = sum(len(path.keys() - {"parameters"}) for path in json.loads(COMMITTED.read_text())["paths"].values())
EXAMPLES = 6
"""Random requests for each operation, beside thousands that follow from its parameters one by one."""


@pytest.mark.timeout(DEADLINE_S + 20)
async def test_the_description_holds_under_schemathesis(
    api: ApiUser, api_url: str, shared_store: MongoStore, tmp_path: Path
) -> None:
    world = await make_world(api, shared_store)
    seed = os.environ.get("PATHBOUND_TEST_SEED", "1")
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(SUPPORT / "schemathesis.toml")]
    command += ["run", str(COMMITTED), "--url", api_url, "--header", f"Authorization: Bearer {api.api_key}"]
    command += ["--checks", "all", "--seed", seed, "--max-examples", str(EXAMPLES), "--continue-on-failure"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--no-color",
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "PATHBOUND_TEST_IDS": json.dumps(world.ids),
            "PATHBOUND_TEST_WEBHOOK_SECRET": world.webhook_secret,
            "PYTHONPATH": str(SUPPORT.parents[1]),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = output.decode(errors="replace")
    print(told[-1500:])
    assert process.returncode == 0, told[-20_000:]
    assert f"Tested: {OPERATIONS}\n" in told, told[-2_000:]
