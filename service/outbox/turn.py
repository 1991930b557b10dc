"""One shard, for as long as a relay holds its lease."""

import asyncio

from service.errors import StoreError, StreamUnavailableError
from service.outbox.shard import ShardWorker


class ShardTurn:
    """A worker for the shard's changes and one for its timeline. They share the lease and nothing else: a change waits
    for no timeline, and what keeps one from publishing does not keep the other."""

    def __init__(self, changes: ShardWorker, timeline: ShardWorker | None = None) -> None:
        self.shard = changes.shard
        self._changes = changes
        self._workers = [changes, *([timeline] if timeline else [])]

    @property
    def last_progress(self) -> float:
        """When the slower worker last moved."""
        return min(worker.last_progress for worker in self._workers)

    @property
    def trouble(self) -> StoreError | StreamUnavailableError | None:
        """What keeps one of them from publishing."""
        return next((worker.trouble for worker in self._workers if worker.trouble is not None), None)

    def wake(self) -> None:
        """A change may wait."""
        self._changes.wake()

    def look(self) -> None:
        """Anything may wait."""
        for worker in self._workers:
            worker.wake()

    def drain(self) -> None:
        """See ShardWorker.drain."""
        for worker in self._workers:
            worker.drain()

    def cut(self) -> None:
        """See ShardWorker.cut."""
        for worker in self._workers:
            worker.cut()

    def extend(self, until: float) -> None:
        """See ShardWorker.extend."""
        for worker in self._workers:
            worker.extend(until)

    async def run(self) -> None:
        """Until drained, or the lease ends. What ends one of them cuts the other, and is raised."""
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.cut()
            await asyncio.wait(tasks)
        for task in tasks:
            task.result()

    async def close(self) -> None:
        """See ShardWorker.close."""
        await asyncio.gather(*(worker.close() for worker in self._workers))
