"""A sample of the stories on a real MongoDB; `tests/unit/test_stories.py` tells thousands in memory."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from service.conversations import projection
from service.mongo.store import MongoStore
from service.profile.remake import ContactRemaker
from service.settings import MongoSettings
from tests.support.conversation_facts import TENANT
from tests.support.databases import fresh_store
from tests.support.stories import Stories, Tasks

sample = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Tasks go on as the server answers: a story need not end the same twice, so it cannot be shortened.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@pytest.fixture(autouse=True)
def large_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of two messages is a large one, and kept in parts."""
    monkeypatch.setattr(projection, "LARGE", 1)


class Exactness(Stories):
    """What must hold in each committed state."""

    def __init__(self, store: MongoStore, runner: asyncio.Runner) -> None:
        super().__init__(store, Tasks(runner))

    @invariant()
    def a_rebuild_finds_nothing_wrong(self) -> None:
        remake = ContactRemaker(self.store, dry_run=True)
        for contact_id in self.live():
            assert self.stage.run(remake(TENANT, contact_id)).wrong == frozenset()

    def teardown(self) -> None:
        self.everybody_comes_to_an_end()
        self.a_rebuild_finds_nothing_wrong()


async def forget(store: MongoStore) -> None:
    for name in await store.database.list_collection_names():
        await store.database[name].delete_many({})


def tell(runner: asyncio.Runner, store: MongoStore) -> Callable[[], Exactness]:
    def machine() -> Exactness:
        runner.run(forget(store))
        return Exactness(store, runner)

    return machine


def test_profiles_equal_a_rebuild_whatever_happens(mongo_settings: MongoSettings) -> None:
    with asyncio.Runner() as runner:
        opened = fresh_store(mongo_settings)
        store = runner.run(opened.__aenter__())
        try:
            # Any callable that makes a machine will do.
            run_state_machine_as_test(cast("Any", tell(runner, store)), settings=sample)
        finally:
            runner.run(opened.__aexit__(None, None, None))
