"""The README's subscriber, as it stands there, on the real feed: another client than the service's own."""

import asyncio
import os
import re
import sys
from pathlib import Path

from service.feed.replay import FeedReplayer, ReplayRequest
from service.kafka.replay import KafkaReplayPublisher
from service.settings import ReplaySettings
from tests.support.api import ApiUser
from tests.support.feed import LIFE, TRACE, Feed, live

README = Path(__file__).parents[2] / "README.md"


def snippet(feed: Feed) -> str:
    """The README's Python; only the topic's name is the test's."""
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert code.count('"contacts.changes"') == 1
    return str(code.replace('"contacts.changes"', f'"{feed.name}"'))


async def test_the_readmes_subscriber_gets_everything_once_in_order(feed: Feed, own_api: ApiUser) -> None:
    first = await live(own_api)
    await feed.relay()
    settings = ReplaySettings(kafka_bootstrap=feed.bootstrap, topic_prefix=feed.prefix)
    start = (await feed.waiting(first))[0].committed_at
    again = ReplayRequest(own_api.tenant_id, start, await feed.store.feed_history.now(), feed.name)
    publisher = KafkaReplayPublisher(settings, own_api.tenant_id)
    assert await FeedReplayer(feed.store.feed_history, publisher, feed.name)(again) == len(LIFE)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", snippet(feed)),
        env={**os.environ, "PATHBOUND_KAFKA_BOOTSTRAP": feed.bootstrap},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode().split() for _ in LIFE]
            second = await live(own_api)
            await feed.relay()
            lines += [(await process.stdout.readline()).decode().split() for _ in LIFE]
    finally:
        process.kill()
        await process.wait()

    expected = [[contact, str(number), kind] for contact in (first, second) for number, kind in enumerate(LIFE, 1)]
    assert [line[:3] for line in lines] == expected
    assert lines[1][3] == TRACE
