"""Health, metrics and logs, as an operator meets them."""

import asyncio
import gzip
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp.http_parser import DeflateBuffer

from service.errors import StoreUnavailableError
from service.ops.health import Checks, Progress, liveness, readiness
from service.ops.logging import configure_logging
from service.ops.repeats import NotAgainSoon
from service.ops.server import ops_server

ADDRESS = "ada@example.com"


def clock() -> datetime:
    return datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


async def passes() -> None:
    pass


async def fails() -> None:
    raise StoreUnavailableError


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_ready_is_503_only_for_what_is_required() -> None:
    both = await readiness(Checks({"mongo": passes}, {"kafka": passes}), clock)
    assert (both.status, both.body) == (200, {"status": "success"})
    degraded = await readiness(Checks({"mongo": passes}, {"kafka": fails}), clock)
    assert (degraded.status, degraded.body) == (200, {"status": "success", "degraded": ["kafka"]})
    for check in (fails, hangs):
        unready = await readiness(Checks({"mongo": check}, {"kafka": fails}), clock, check_timeout=0.01)
        assert unready.status == 503
        assert unready.body["code"] == "store_unavailable"
        assert unready.body["timestamp"] == "2026-11-23T09:30:00.000Z"
        assert unready.body["request_id"].startswith("req_")


async def test_live_is_503_once_a_loop_has_stood_for_a_minute() -> None:
    now = [100.0]
    progress = Progress(lambda: now[0])
    checks = Checks(loops={"tracker": progress.age})
    now[0] += 60
    assert liveness(checks, clock).status == 200
    now[0] += 0.1
    stuck = liveness(checks, clock)
    assert (stuck.status, stuck.body["failed"]) == (503, ["tracker"])
    progress.mark()
    assert liveness(checks, clock).status == 200


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with ops_server(Checks({"mongo": fails}), clock, "127.0.0.1", 0) as base:
        yield base


async def test_the_server_answers(url: str) -> None:
    async with aiohttp.ClientSession(url) as client:
        async with client.get("/health/live") as live:
            assert (live.status, await live.json()) == (200, {"status": "success"})
        async with client.get("/health/ready") as ready:
            assert (ready.status, (await ready.json())["status"]) == (503, "error")
        async with client.get("/metrics") as metrics:
            assert metrics.headers["Content-Type"].startswith("text/plain")
            assert "pathbound_consumer_records_total" in await metrics.text()


async def test_the_server_decompresses_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer, whose loop it shares, would do nothing else for seconds."""
    decompressed: list[Any] = []
    monkeypatch.setattr(DeflateBuffer, "feed_data", lambda *given: decompressed.append(given))
    bomb = gzip.compress(b" " * 10_000_000)
    async with (
        aiohttp.ClientSession(url) as client,
        client.get("/metrics", data=bomb, headers={"Content-Encoding": "gzip"}) as metrics,
    ):
        assert metrics.status == 200
    assert not decompressed


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    yield stream
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    structlog.reset_defaults()


def fail() -> None:
    try:
        raise ValueError(ADDRESS)
    except ValueError as error:
        raise StoreUnavailableError(ADDRESS) from error


def test_no_exception_message_reaches_a_line(lines: io.StringIO) -> None:
    try:
        fail()
    except StoreUnavailableError as error:
        structlog.get_logger("ours").exception("failed", odd=error)
        logging.getLogger("theirs").exception("failed")
        sys.excepthook(type(error), error, error.__traceback__)
    written = lines.getvalue()
    assert ADDRESS not in written
    for line in written.splitlines():
        first, second = json.loads(line)["exception"]
        assert first["type"] == "service.errors.StoreUnavailableError"
        assert second["type"] == "builtins.ValueError"
        assert first["frames"][-1].endswith(" fail")
    assert len(written.splitlines()) == 3


async def test_nor_does_one_from_a_forgotten_task(lines: io.StringIO) -> None:
    error = ValueError(ADDRESS)
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": error, "future": error}
    )
    assert "never retrieved" in lines.getvalue()
    assert ADDRESS not in lines.getvalue()


def test_context_and_levels(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        structlog.get_logger("ours").info("done", records=2)
        structlog.get_logger("ours").debug("unseen")
        logging.getLogger("aiokafka.consumer").info("unseen")
    line = json.loads(lines.getvalue())
    assert (line["event"], line["request_id"], line["records"], line["level"]) == ("done", "req_1", 2, "info")
    assert line["timestamp"].endswith("Z")


def test_what_a_library_repeats_is_said_now_and_then_with_its_number() -> None:
    now, lines = [0.0], io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.addFilter(NotAgainSoon(["library"], 10.0, lambda: now[0]))
    logger = logging.getLogger("library.client")
    logger.addHandler(handler)
    try:
        for second in (0, 1, 9.9, 10, 11, 30):
            now[0] = second
            logger.warning("node %s is away", second)
            logger.warning("100 % of them")
    finally:
        logger.removeHandler(handler)
    assert [line for line in lines.getvalue().splitlines() if "node" in line] == [
        "node 0 is away",
        "node 10 is away (and 2 like it before)",
        "node 30 is away (and 1 like it before)",
    ]
    assert lines.getvalue().count("100 % of them") == 3


def test_our_own_lines_are_all_written(lines: io.StringIO) -> None:
    for _ in range(3):
        structlog.get_logger("service").warning("again")
        logging.getLogger("aiokafka.client").warning("away")
    assert lines.getvalue().count("again") == 3
    assert lines.getvalue().count("away") == 1


def test_the_console_shows_the_frames(lines: io.StringIO) -> None:
    configure_logging("info", "console", lines)
    try:
        fail()
    except StoreUnavailableError:
        logging.getLogger("theirs").exception("failed")
    assert " fail\n" in lines.getvalue()
    assert ADDRESS not in lines.getvalue()
