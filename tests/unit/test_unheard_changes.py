"""A change whose client has gone before its end: a refusal is no error, a fault is still told."""

import asyncio
import gc
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from service.api.endpoint import _to_the_end
from service.errors import StoreUnavailableError


@pytest.mark.parametrize(
    ("error", "told"), [(StoreUnavailableError(), []), (ZeroDivisionError(), ["change_failed_unheard"])]
)
async def test_a_change_that_fails_unheard(error: Exception, told: list[str]) -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    begun, over = asyncio.Event(), asyncio.Event()

    async def change() -> web.StreamResponse:
        begun.set()
        await over.wait()
        raise error

    with capture_logs() as logs:
        waiting = asyncio.create_task(_to_the_end(change()))
        await begun.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        over.set()
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)

    assert [line["event"] for line in logs] == told
    assert complaints == []
