"""Whatever happens in whatever order, in every committed state each live contact's profile equals a rebuild.

And what contacts see of conversations equals what their rows and messages, as they are stored, come to.
"""

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from service.conversations import projection
from service.conversations.model import ConversationRow
from service.conversations.rows import event_id
from service.profile.model import OF_MESSAGE, Totals, totals_of
from service.profile.remake import ContactRemaker, Remade
from tests.support.conversation_facts import TENANT
from tests.support.interleaving import turn
from tests.support.memory_store import MemoryStore
from tests.support.stories import TO_THE_END, Steps, Stories


@pytest.fixture(autouse=True)
def large_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of two messages is a large one, and kept in parts."""
    monkeypatch.setattr(projection, "LARGE", 1)


class Exactness(Stories):
    """What must hold after each step."""

    def __init__(self) -> None:
        # It has what these use-cases need, not all of a store.
        super().__init__(cast("Any", MemoryStore(turn)), Steps())

    def live(self) -> list[str]:
        return sorted(self.store.memory.all("contact"))

    def rows(self, contact_id: str) -> list[ConversationRow]:
        return [row for row in self.store.memory.all("row").values() if row.contact_id == contact_id]

    @invariant()
    def a_rebuild_finds_nothing_wrong(self) -> None:
        snapshot: Any = MemoryStore()
        snapshot.memory.committed = dict(self.store.memory.committed)
        remake = ContactRemaker(snapshot, dry_run=True)
        found = {contact_id: self.stage.run(remake(TENANT, contact_id)) for contact_id in self.live()}
        assert found == dict.fromkeys(self.live(), Remade())

    @invariant()
    def the_totals_are_those_of_the_stored_events(self) -> None:
        events = self.store.memory.all("event").values()
        totals = self.store.memory.all("totals")
        for contact_id in self.live():
            mine = [event for event in events if event.contact_id == contact_id]
            assert totals.get((TENANT, contact_id), Totals()) == totals_of(mine)

    @invariant()
    def each_shown_message_is_one_event(self) -> None:
        events = self.store.memory.all("event")
        for contact_id in self.live():
            rows = self.rows(contact_id)
            shown = Counter(row.copy for row in rows if row.shown)
            assert shown == Counter({row.copy for row in rows if row.visible})
            told = {key for key, one in events.items() if one.contact_id == contact_id and OF_MESSAGE in one.context}
            assert told == {event_id(row) for row in rows if row.shown}

    @invariant()
    def each_thread_counts_what_is_shown_in_it(self) -> None:
        threads = self.store.memory.all("contact_thread")
        for contact_id in self.live():
            counts = Counter(row.conversation_id for row in self.rows(contact_id) if row.shown)
            mine = {key[1]: one for key, one in threads.items() if key[0] == contact_id}
            assert {key: one.shown.message_count for key, one in mine.items() if one.shown} == counts


TestStories = Exactness.TestCase
TestStories.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_a_contact_that_changes_whenever_it_is_looked_at_is_said_to_be_busy() -> None:
    world = Exactness()
    world.somebody_becomes_a_contact("ada@example.com", ["v1"], None, TO_THE_END)
    totals, touched = ("totals", (TENANT, "ct_0")), ("touched", (TENANT, "ct_0"))
    memory = world.store.memory
    memory.committed |= {totals: Totals(page_views=7), touched: 1}

    async def somebody_writes() -> None:
        memory.committed = {**memory.committed, touched: memory.committed[touched] + 1}

    memory.turn = somebody_writes
    remade = world.stage.run(ContactRemaker(world.store, dry_run=False)(TENANT, "ct_0"))

    assert remade == Remade(settled=False)
    assert memory.committed[totals] == Totals(page_views=7)
