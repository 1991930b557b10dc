"""One real MongoDB and one real Kafka for the whole run, shared by all workers.

The controlling process starts them; each worker gets their addresses. A test that needs a database or topics of its
own takes `store` or `topic_prefix`; one that only reads and writes contacts takes `api` and a tenant of its own.
"""

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.bootstrap import build_core
from deploy.stack import LocalStack
from service.kafka.intake import KafkaInboundPublisher
from service.kafka.topics import create_topics
from service.mongo.store import MongoStore
from service.settings import MongoSettings, TopicSettings
from tests.support.api import ApiUser, serve
from tests.support.commands import environment
from tests.support.databases import fresh_store
from tests.support.erasure import guard
from tests.support.feed import Feed

_NEED_NO_SERVERS = ("unit", "architecture", "browser", "chart", "deploy", "secure")
_ONLY_WHERE_ASKED_FOR = ("browser", "chart", "deploy", "secure")
_TESTS = Path(__file__).parent
_stack: LocalStack | None = None


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


# asyncio tells of an error that nobody asked for (aiokafka leaves some, of a producer that was fenced) when Python
# collects garbage, which may be in the middle of parsing a module for pytest or hypothesis. Formatting a traceback
# parses, too, and Python 3.11 cannot do both: "SystemError: AST constructor recursion depth mismatch".
logging.getLogger("asyncio").addFilter(_without_traceback)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, once a run."""
    global _stack
    # Tests and benchmarks are single keys in a hurry; those of the limit itself set it.
    os.environ.setdefault("PATHBOUND_RATE_LIMIT_PER_SECOND", "0")
    if hasattr(config, "workerinput") or config.option.collectonly or _needs_no_servers(config):
        return
    directory = Path(tempfile.mkdtemp(prefix="pathbound-test-"))
    _stack = LocalStack(directory)
    try:
        addresses = _stack.start()
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    config.stash[_ADDRESSES] = (addresses.mongo_url, addresses.kafka_bootstrap)


_ADDRESSES = pytest.StashKey[tuple[str, str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the servers are."""
    node.workerinput["addresses"] = node.config.stash.get(_ADDRESSES, None)


def pytest_unconfigure() -> None:
    """Stop the servers and forget their data."""
    if _stack is not None:
        _stack.stop()
        shutil.rmtree(_stack.directory.path, ignore_errors=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Tests in a browser, with Helm, on an engine, and on servers of their own that ask for TLS, run where they
    are asked for (`make test-browser`, `test-chart`, …): `make test` has no minute to spare."""
    name = collection_path.name
    asked_for = any(name in Path(argument).parts for argument in config.args)
    return True if name in _ONLY_WHERE_ASKED_FOR and not asked_for and collection_path.parent == _TESTS else None


def _needs_no_servers(config: pytest.Config) -> bool:
    places = [Path(argument.split("::")[0]) for argument in config.args]
    return bool(places) and all(any(name in place.parts for name in _NEED_NO_SERVERS) for place in places)


def _addresses(config: pytest.Config) -> tuple[str, str]:
    workerinput = getattr(config, "workerinput", None)
    addresses = workerinput["addresses"] if workerinput else config.stash.get(_ADDRESSES, None)
    assert addresses, "this test needs servers: it must not live in tests/unit"
    return addresses[0], addresses[1]


@pytest.fixture(scope="session")
def mongo_url(pytestconfig: pytest.Config) -> str:
    """The run's MongoDB."""
    return _addresses(pytestconfig)[0]


@pytest.fixture(scope="session")
def kafka_bootstrap(pytestconfig: pytest.Config) -> str:
    """The run's Kafka."""
    return _addresses(pytestconfig)[1]


def _database_settings(mongo_url: str) -> MongoSettings:
    return MongoSettings(mongo_url=mongo_url, mongo_database=f"test_{uuid.uuid4().hex[:20]}")


@pytest.fixture
def mongo_settings(mongo_url: str) -> MongoSettings:
    """A database of the test's own (not made yet)."""
    return _database_settings(mongo_url)


@pytest.fixture
def mongo_database(mongo_settings: MongoSettings) -> str:
    """Its name."""
    return mongo_settings.mongo_database


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of the test's own, for topics, groups and transactional ids."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def env(mongo_url: str, mongo_database: str, kafka_bootstrap: str, topic_prefix: str) -> dict[str, str]:
    """What a command is told to find them; whoever needs them made asks for `store` and `init_topics` too."""
    return environment(mongo_url, mongo_database, kafka_bootstrap, topic_prefix)


@pytest.fixture
async def init_topics(kafka_bootstrap: str, topic_prefix: str) -> list[str]:
    """The test's own topics, two partitions each."""
    settings = TopicSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=2)
    return await create_topics(settings)


@pytest.fixture
async def store(mongo_settings: MongoSettings) -> AsyncIterator[MongoStore]:
    """A store in a database of the test's own, with all indexes; dropped afterwards."""
    async with fresh_store(mongo_settings) as fresh:
        yield fresh


@pytest.fixture
async def own_api(store: MongoStore) -> AsyncIterator[ApiUser]:
    """A user of an API over the test's own store, for tests that look at a whole database."""
    core = build_core(store)
    async with serve(core) as url:
        user = await ApiUser.create(url, core)
        yield user
        await user.close()


@pytest.fixture
def feed(store: MongoStore, kafka_bootstrap: str, topic_prefix: str, init_topics: list[str]) -> Feed:
    """The feed of the test's own store."""
    return Feed(store, kafka_bootstrap, topic_prefix)


@pytest.fixture(scope="session")
async def shared_store(mongo_url: str) -> AsyncIterator[MongoStore]:
    """One store for the tests of a worker that keep to a tenant of their own."""
    async with fresh_store(_database_settings(mongo_url)) as fresh:
        yield fresh


@pytest.fixture(scope="session")
async def shared_prefix(kafka_bootstrap: str) -> str:
    """The prefix of the topics that the shared API's doors publish to."""
    prefix = f"t{uuid.uuid4().hex[:10]}."
    await create_topics(
        TopicSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=prefix, topic_partitions=2),
    )
    return prefix


@pytest.fixture(scope="session")
async def api_url(shared_store: MongoStore, kafka_bootstrap: str, shared_prefix: str) -> AsyncIterator[str]:
    """The API over the shared store, in this process."""
    publisher = KafkaInboundPublisher(kafka_bootstrap, shared_prefix)
    async with serve(build_core(shared_store, publisher=publisher, guard=guard())) as url:
        yield url
    await publisher.close()


@pytest.fixture
async def new_user(shared_store: MongoStore, api_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Make API users, each of a tenant of its own unless told otherwise."""
    users: list[ApiUser] = []

    async def make(tenant_id: str | None = None, scopes: Any = None) -> ApiUser:
        user = await ApiUser.create(api_url, build_core(shared_store), tenant_id, scopes)
        users.append(user)
        return user

    yield make
    for user in users:
        await user.close()


@pytest.fixture
async def api(new_user: Callable[..., Any]) -> ApiUser:
    """A user with every scope, of a tenant of its own."""
    user: ApiUser = await new_user()
    return user
