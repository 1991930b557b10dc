"""When a command takes a second signal for the wish to end at once."""

import asyncio
import os
import signal
import time

import pytest

from deploy.cli.options import stop_on_signals


async def _handled() -> None:
    """Let the loop go round until what the kernel delivered has been handled."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _signalled(seconds_between: float, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether two signals, so far apart by the loop's clock, still leave the command its orderly end."""
    stop = stop_on_signals()
    loop = asyncio.get_running_loop()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.wait(), 5)
    now = time.monotonic() + seconds_between
    monkeypatch.setattr(loop, "time", lambda: now)
    os.kill(os.getpid(), signal.SIGTERM)
    await _handled()
    return True


def test_that_the_same_wish_told_twice_leaves_the_orderly_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # As `timeout 600 pathbound import …` does: to the process, and to its group.
    assert asyncio.run(_signalled(0.05, monkeypatch))


def test_that_a_second_wish_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        asyncio.run(_signalled(1.5, monkeypatch))
