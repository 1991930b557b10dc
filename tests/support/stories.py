"""Everything that may happen to contacts, as rules of a state machine: hypothesis tells the story, and shortens it.

Several use-cases are under way at once, each a coroutine over a store with MongoDB's isolation; rules let one of them
go on for some steps, or kill it. What was killed begins anew: as Kafka delivers again, or a client asks again.
"""

import itertools
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from schemas.contacts import CreateContact, UpdateContact
from service.contacts.associate import VisitorAssociator
from service.contacts.context import Caller
from service.contacts.create import ContactCreator
from service.contacts.delete import ContactDeleter
from service.contacts.edit import ContactEditor, Edit
from service.conversations.incoming import Delivery
from service.conversations.ingest import ConversationIngest
from service.errors import ContactNotFoundError, IdentityTakenError
from service.identity.linking import Linker
from service.timeline.ingest import Ingest
from service.timeline.model import TimelineEvent
from tests.support.conversation_facts import PEOPLE, TENANT, deliveries, mails
from tests.support.events import MORNING, external, page_view, visitor
from tests.support.interleaving import NoLocks, Work, run_to_end, step, turn
from tests.support.memory_store import MemoryStore

VISITORS = ["v1", "v2", "v3"]
CALLER = Caller(TENANT, "key", None)

# Whoever begins something comes to its end, mostly.
some_steps = st.just(1_000) | st.integers(0, 60)

visits = st.fixed_dictionaries(
    {
        "who": st.sampled_from(VISITORS),
        "known_as": st.none() | st.sampled_from(["e1", "e2"]),
        "event": st.sampled_from(["page_view", "page_view", "form_submit"]),
        "minute": st.integers(0, 40),
        "session": st.none() | st.sampled_from(["s1", "s2", "s3"]),
        "device": st.none() | st.sampled_from(["Android", "Windows"]),
        "referred_by": st.none() | st.sampled_from(["a.example", "b.example"]),
        "campaign": st.none() | st.sampled_from(["spring", "autumn"]),
    }
)


def visit(event_id: str, told: dict[str, Any]) -> TimelineEvent:
    """A tracker's event."""
    context: dict[str, Any] = {}
    if told["device"]:
        context |= {"browser": "Chrome", "os": told["device"], "device_type": "desktop"}
    if told["referred_by"]:
        context |= {"referrer": f"https://{told['referred_by']}/", "referring_domain": told["referred_by"]}
    if told["campaign"]:
        context |= {"utm": {"utm_campaign": told["campaign"]}}
    known_as = (external(TENANT, told["known_as"]),) if told["known_as"] else ()
    who = (*known_as, visitor(TENANT, told["who"]))
    event = page_view(
        TENANT, *who, event_id=event_id, minute=told["minute"], session_id=told["session"], context=context
    )
    event.event = told["event"]
    return event


class Stories(RuleBasedStateMachine):
    """The rules; whoever inherits them says what must hold."""

    def __init__(self) -> None:
        super().__init__()
        # It has what these use-cases need, not all of a store.
        self.store = cast("Any", MemoryStore(turn))
        self.now = MORNING
        ids = itertools.count()
        self.linker = Linker(self.store, lambda: self.now)
        locks = NoLocks()
        self.edit = ContactEditor(self.store, self.linker, locks, lambda: self.now)
        self.create = ContactCreator(self.store, self.linker, lambda: self.now, lambda: f"ct_{next(ids)}")
        self.delete = ContactDeleter(self.store, locks, lambda: self.now)
        self.ingest = Ingest(self.store, self.linker, VisitorAssociator(self.edit))
        self.ingest_conversations = ConversationIngest(self.store, self.linker)
        self.under_way: list[tuple[Work, Coroutine[Any, Any, Any]]] = []
        self.visits: list[TimelineEvent] = []
        self.deliveries: list[Delivery] = []

    def teardown(self) -> None:
        """Whoever is left is left alone."""
        for _, work in self.under_way:
            work.close()

    def begin(self, work: Work, steps: int = 0) -> None:
        """Make it under way, and its first steps."""
        self.under_way.append((work, work()))
        self.go_on(-1, steps)

    def go_on(self, who: int, steps: int) -> None:
        """So many steps of one that is under way."""
        make, work = self.under_way.pop(who)
        if all(step(work) for _ in range(steps)):
            self.under_way.append((make, work))

    def contact(self, number: int) -> str:
        """The id of some contact, or of none."""
        known = sorted(self.store.memory.all("contact"))
        return known[number % len(known)] if known else "ct_none"

    @rule(
        told=st.lists(visits, min_size=1, max_size=3), again=st.lists(st.integers(0, 20), max_size=2), steps=some_steps
    )
    def visitors_do_something(self, told: list[dict[str, Any]], again: list[int], steps: int) -> None:
        """Events arrive, some of them for the second time."""
        new = [visit(f"evt_{len(self.visits) + n}", one) for n, one in enumerate(told)]
        self.visits += new
        batch = new + [self.visits[number % len(self.visits)] for number in again]
        self.begin(lambda: self.ingest(batch), steps)

    @rule(
        told=st.lists(deliveries, min_size=1, max_size=4),
        again=st.lists(st.integers(0, 20), max_size=2),
        steps=some_steps,
    )
    def people_write(self, told: list[Delivery], again: list[int], steps: int) -> None:
        """So do deliveries of conversations."""
        self.deliveries += told
        batch = told + [self.deliveries[number % len(self.deliveries)] for number in again]
        self.begin(lambda: self.ingest_conversations(batch, []), steps)

    @rule(told=mails, steps=some_steps)
    def a_mailbox_changes(self, told: Delivery, steps: int) -> None:
        """A mail comes, or is told of anew: its labels, more of its headers."""
        self.people_write([told], [], steps)

    @rule(
        email=st.sampled_from(PEOPLE),
        visitors=st.lists(st.sampled_from(VISITORS), max_size=2, unique=True),
        known_as=st.none() | st.sampled_from(["e1", "e2"]),
        steps=some_steps,
    )
    def somebody_becomes_a_contact(self, email: str, visitors: list[str], known_as: str | None, steps: int) -> None:
        """As POST /v1/contacts and /v1/identify have it."""
        wanted = CreateContact.model_validate({"email": email, "visitor_id": visitors})
        external_ids = [external(TENANT, known_as)] if known_as else []
        self.begin(lambda: _answered(self.create(CALLER, wanted, external_ids)), steps)

    @rule(who=st.integers(0, 3), seen_as=st.sampled_from(VISITORS), steps=some_steps)
    def a_contact_gains_a_visitor(self, who: int, seen_as: str, steps: int) -> None:
        """An update."""
        self._change(who, steps, visitor_id=[seen_as], properties={})

    @rule(who=st.integers(0, 3), email=st.sampled_from([*PEOPLE, "new@example.com"]), steps=some_steps)
    def a_contact_changes_its_address(self, who: int, email: str, steps: int) -> None:
        """Another update."""
        self._change(who, steps, visitor_id=[], properties={"email": email})

    def _change(self, who: int, steps: int, **fields: Any) -> None:
        edit = Edit(UpdateContact.model_construct(company_id=None, **fields))
        contact_id = self.contact(who)
        self.begin(lambda: _answered(self.edit(CALLER, contact_id, edit)), steps)

    @rule(who=st.integers(0, 3), steps=some_steps)
    def a_contact_is_deleted(self, who: int, steps: int) -> None:
        """Its identities are free from then on."""
        contact_id = self.contact(who)
        self.begin(lambda: _answered(self.delete(CALLER, contact_id)), steps)

    @rule(who=st.integers(0, 7), steps=st.integers(1, 60))
    def somebody_goes_on(self, who: int, steps: int) -> None:
        """With what is under way."""
        if self.under_way:
            self.go_on(who % len(self.under_way), steps)

    @rule(who=st.integers(0, 7))
    def somebody_dies(self, who: int) -> None:
        """Anywhere; what the process held in memory is gone, and what it was at begins anew."""
        if self.under_way:
            make, work = self.under_way.pop(who % len(self.under_way))
            work.close()
            self.linker._finished.clear()
            self.linker._unfinished.clear()
            self.begin(make)

    @rule()
    def everybody_comes_to_an_end(self) -> None:
        """One after the other, and the sweeper after them."""
        for _, work in self.under_way:
            run_to_end(work)
        self.under_way.clear()
        # Link tasks are named by the real clock; a century later every one of them is old.
        self.now += timedelta(days=36_500)
        run_to_end(self.linker.work_off())
        run_to_end(self.linker.sweep())
        run_to_end(self.linker.flush())


async def _answered(work: Coroutine[Any, Any, Any]) -> None:
    """A refusal is an answer too."""
    try:
        await work
    except (IdentityTakenError, ContactNotFoundError):
        return
