"""A real headless Chromium, and applications for it to ask, each on a free loopback port."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from service.api.server import set_up

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE_S = 60
LOOPBACK = "127.0.0.1"


@contextmanager
def served(make: Callable[[], web.Application], count: int = 1) -> Iterator[Sequence[str]]:
    """`count` applications in a thread; the base URL of each."""
    addresses: list[str] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        runners = [await set_up(make(), shutdown_seconds=1.0) for _ in range(count)]
        for runner in runners:
            await web.TCPSite(runner, LOOPBACK, 0).start()
            addresses.append(f"http://{LOOPBACK}:{runner.addresses[0][1]}")
        ready.set()
        await stop.wait()
        for runner in runners:
            await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE_S)
    yield addresses
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    """Chromium with a profile of its own, that remembers what it logs and whom it asks."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    assert all(programs.values()), "chromium or chromedriver is missing: run `make test-browser`, which installs them"
    options = ChromeOptions()
    options.binary_location = str(programs["chromium"])
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(executable_path=str(programs["chromedriver"])))
    try:
        yield driver
    finally:
        driver.quit()
