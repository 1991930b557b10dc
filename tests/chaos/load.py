"""The mixed load: clients that do their operations one after the other, and bear with any outage.

Whatever a client has begun it asks for until it is answered: 2xx, or a refusal that says that it was done before.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import aiohttp
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import SOURCES
from service.kafka.producers import discard, make_producer
from tests.chaos.expected import Expected, stale
from tests.chaos.operations import BUSY, PRODUCED, Kind, Operation, Planner
from tests.chaos.requests import Request, request_of
from tests.chaos.sources import SourceRecord, records_of
from tests.support.api import ApiUser, Reply

CLIENTS = 6
PATIENCE_S = 6.0
"""How long a client waits for one answer."""
_RETRY_S = 0.25
_PAUSES_S = (0.05, 0.25)
_QUEUED = 40
_CHANGED = 412
_TEMPORARY = frozenset([408, 429, 503])


class Load:
    """All clients. `users` are the same client of several API processes."""

    def __init__(
        self, seed: int, users: Sequence[ApiUser], bootstrap: str, topic_prefix: str, *, latest_is_read: bool
    ) -> None:
        """`latest_is_read`: whether every read must show what was acknowledged before it."""
        self.expected = Expected(users[0].tenant_id)
        self.done: Counter[Kind] = Counter()
        self.asked_again: Counter[Kind] = Counter()
        """Operations that one request, or one record, was not enough for."""
        self.surprises: list[str] = []
        """Answers that nobody should get, whatever is done to the system."""
        self._seed = seed
        self._users = users
        self._latest_is_read = latest_is_read
        self._sources = _SourceProducer(bootstrap, topic_prefix)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`; then what was begun is finished."""
        try:
            await self._ask(Operation(Kind.CREATE, CLIENTS, 0, BUSY))
            async with asyncio.TaskGroup() as tasks:
                for number in range(CLIENTS):
                    tasks.create_task(self._client(number))
        finally:
            await self._sources.close()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()

    async def _client(self, number: int) -> None:
        """What goes to Kafka waits in a queue of its own, so that with Kafka away the API is still asked."""
        queue: asyncio.Queue[Operation] = asyncio.Queue(_QUEUED)
        sending = asyncio.create_task(self._send_all(queue))
        pauses = random.Random(f"{self._seed}/pauses/{number}")
        try:
            for operation in Planner(self._seed, number):
                if self._stop.is_set():
                    break
                if operation.kind in PRODUCED:
                    await queue.put(operation)
                elif not await self._ask(operation):
                    break  # what is expected of this client's people is not known any more
                await asyncio.sleep(pauses.uniform(*_PAUSES_S))
            await queue.join()
        finally:
            sending.cancel()

    async def _send_all(self, queue: "asyncio.Queue[Operation]") -> None:
        sent: dict[int, list[SourceRecord]] = {}
        while True:
            operation = await queue.get()
            again = operation.kind is Kind.AGAIN
            records = sent[operation.told["of"]] if again else records_of(operation, self.expected.tenant_id)
            sent[operation.serial] = records
            self.asked_again[operation.kind] += await self._sources.send(records)
            self.expected.produced(operation, records)
            self.done[operation.kind] += 1
            queue.task_done()

    async def _ask(self, operation: Operation) -> bool:
        """Whether the answer is one of those that it must be."""
        request = request_of(operation, self.expected.person(operation.person))
        reply, again = await self._until_answered(operation, request)
        self.asked_again[operation.kind] += bool(again)
        done = reply.status == request.success or (again > 0 and reply.status == request.done_before)
        if not done:
            self.surprises.append(f"{operation.kind} {operation.name}: {reply.status} {reply.body}")
        elif operation.kind is Kind.READ:
            old = stale(self.expected.person(operation.person), reply.body) if self._latest_is_read else []
            self.surprises += old
        elif operation.kind is Kind.TRACK:
            self.expected.tracked(operation)
        else:
            self.expected.answered(operation, reply.body, asked_before=again)
        self.done[operation.kind] += done
        return done

    async def _until_answered(self, operation: Operation, request: Request) -> tuple[Reply, int]:
        """The answer, and how many earlier requests may have done it, too. Each try asks another API process."""
        attempt = operation.client
        while True:
            user = self._users[attempt % len(self._users)]
            reply = await self._try(user, operation, request)
            if reply is not None and reply.status == _CHANGED:
                reply, request = await self._look(user, operation, request)
            if reply is not None and reply.status not in _TEMPORARY:
                return reply, attempt - operation.client
            attempt += 1
            await asyncio.sleep(_RETRY_S)

    async def _look(self, user: ApiUser, operation: Operation, request: Request) -> tuple[Reply | None, Request]:
        """The contact is at another version: an earlier request has done it already, or a login came in between, and
        it is asked for at that version."""
        now = await self._try(user, operation, Request("GET", request.path, None, 200))
        if now is None or now.status != 200:
            return None, request
        wanted = operation.told.get("properties")
        if wanted and now.body["contact"]["properties"].get("city") == wanted["city"]:
            return now, request
        return None, request._replace(version=now.body["contact"]["version"])

    async def _try(self, user: ApiUser, operation: Operation, request: Request) -> Reply | None:
        headers = {"Idempotency-Key": f"key-{operation.name}"}
        if request.version is not None:
            headers["If-Match"] = f'"{request.version}"'
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await user.request(request.method, request.path, json=request.body, headers=headers)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None


class _SourceProducer:
    """Sends records to Kafka until it has them; after an error with a new producer, so that some come twice."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._bootstrap = bootstrap
        self._topic_prefix = topic_prefix
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()

    async def send(self, records: Sequence[SourceRecord]) -> bool:
        """In order. Whether any had to be sent more than once."""
        again = False
        for record in records:
            while not await self._sent(record):
                again = True
                await asyncio.sleep(_RETRY_S)
        return again

    async def _sent(self, record: SourceRecord) -> bool:
        producer = await self._made()
        if producer is None:
            return False
        topic = f"{self._topic_prefix}{SOURCES[record.source]}"
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                await producer.send_and_wait(topic, record.value, key=record.key)
        except (KafkaError, OSError, TimeoutError):
            await self._drop(producer)
            return False
        return True

    async def _made(self) -> AIOKafkaProducer | None:
        async with self._making:
            if self._producer is None:
                producer = make_producer(self._bootstrap)
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        await producer.start()
                except (KafkaError, OSError, TimeoutError):
                    await discard(producer, clean=False)
                    return None
                self._producer = producer
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            await discard(producer, clean=False)

    async def close(self) -> None:
        """All was acknowledged, so nothing is under way."""
        if self._producer is not None:
            await discard(self._producer, clean=True)
