"""Whatever stands on a source's topic: it is stored, or put aside with a reason, and the consumer goes on as before."""

from collections import Counter
from collections.abc import AsyncIterator
from itertools import cycle
from pathlib import Path

import pytest

from service.ledger.model import Outcome
from tests.support.bad_records import MARK, good, headers, keys, values
from tests.support.running_system import TOPICS, System, running_system

MB = 1024 * 1024
MAX_RESIDENT_BYTES = 400 * MB
"""It is some 80 MB idle, and holds a few batches of 8 MiB at most."""
GOOD_EVERY = 10


@pytest.fixture(scope="module")
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    async with running_system(mongo_url, kafka_bootstrap, partitions=2, sources=tuple(TOPICS)) as system:
        yield system


def most_resident(pid: int) -> int:
    """Bytes of memory that a process had at its peak."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


@pytest.mark.parametrize("source", TOPICS)
async def test_everything_bad_is_stored_or_put_aside(system: System, source: str) -> None:
    any_key, any_header, produced, neighbours = cycle(keys()), cycle(headers()), 0, 0
    topic, consumer = system.topic(TOPICS[source]), system.consumers[list(TOPICS).index(source)]
    async with system.producer() as producer:
        for value in values(source, system.tenant_id):
            sent = await producer.send(topic, value, key=next(any_key), headers=[next(any_header), next(any_header)])
            produced += 1
            if produced % GOOD_EVERY == 0:
                sent = await producer.send(topic, good(source, system.tenant_id, neighbours), key=b"good")
                neighbours += 1
            if len(value or b"") > MB:
                await sent
        await producer.flush()
    await system.all_consumed(source=source)

    consumer.process.check()
    assert most_resident(consumer.pid) < MAX_RESIDENT_BYTES
    log = consumer.log_text()
    assert MARK not in log
    assert '"fault"' not in log

    letters = await system.dead_letters(source)
    reasons: Counter[str] = Counter()
    for letter in letters:
        last = {name: value for name, value in letter.headers if value is not None}
        reasons[last["dlq-reason"].decode("ascii")] += 1
        assert MARK not in str(letter.headers)
    assert "" not in reasons
    assert all(len(reason) < 200 for reason in reasons)
    assert not any("cannot be normalised" in reason for reason in reasons), reasons

    rows = await system.core.store.ledger.rows(topic=topic)
    assert sum(row.received for row in rows) == produced + neighbours
    assert sum(row.counts.get(Outcome.DEAD_LETTERED, 0) for row in rows) == len(letters)
    database = system.core.store.database
    if source == "tracker":
        found = await database["events"].count_documents({"tenant_id": system.tenant_id, "visitor_id": "v"})
        assert found >= neighbours
    else:
        field = "message_id" if source == "gmail" else "account"
        assert await database["messages"].count_documents({field: {"$regex": "^good"}}) == neighbours
