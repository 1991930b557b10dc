"""Everything that may happen to contacts, as rules of a state machine: hypothesis tells the story, and shortens it.

Several use-cases are under way at once, and rules let one of them go on for some steps, or kill it. What was killed
begins anew: as Kafka delivers again, or a client asks again. On the store in memory, with MongoDB's isolation, each
step is chosen (`Steps`); on the real one, use-cases are tasks of an event loop (`Tasks`).
"""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, Protocol

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
from service.erasure.guard import NOBODY_ERASED
from service.errors import ContactNotFoundError, IdentityTakenError
from service.identity.linking import Linker
from service.timeline.ingest import Ingest
from service.timeline.model import TimelineEvent
from tests.support.conversation_facts import PEOPLE, TENANT, deliveries, mails
from tests.support.events import MORNING, external, page_view, visitor
from tests.support.interleaving import A_CENTURY, NoLocks, Work, forget, link_the_rest, step

VISITORS = ["v1", "v2", "v3"]
CALLER = Caller(TENANT, "key", None)

# Whoever begins something comes to its end, mostly.
TO_THE_END = 10_000
some_steps = st.just(TO_THE_END) | st.integers(0, 60)

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


class Stage(Protocol):
    """How use-cases are run."""

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Put it under way; what is returned stands for it."""
        ...

    def go_on(self, one: Any, steps: int) -> bool:
        """False when it is over."""
        ...

    def kill(self, one: Any) -> None: ...

    def run(self, work: Any) -> Any:
        """To its end; what it returns."""
        ...


class Steps:
    """Coroutines without an event loop."""

    def begin(self, work: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        return work

    def go_on(self, one: Coroutine[Any, Any, Any], steps: int) -> bool:
        return all(step(one) for _ in range(steps))

    def kill(self, one: Coroutine[Any, Any, Any]) -> None:
        one.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        while True:
            try:
                work.send(None)
            except StopIteration as end:
                return end.value


class Tasks:
    """Tasks of a loop that turns only while something is asked of it; all of them go on then."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._runner.get_loop().create_task(work)

    def go_on(self, one: asyncio.Task[Any], steps: int) -> bool:
        self.run(one if steps >= TO_THE_END else _turns(steps))
        if one.done():
            one.result()
        return not one.done()

    def kill(self, one: asyncio.Task[Any]) -> None:
        one.cancel()
        self.run(asyncio.wait([one]))

    def run(self, work: Any) -> Any:
        return self._runner.get_loop().run_until_complete(work)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Stories(RuleBasedStateMachine):
    """The rules; whoever inherits them says what must hold."""

    def __init__(self, store: Any, stage: Stage) -> None:
        super().__init__()
        self.store = store
        self.stage = stage
        self.now = MORNING
        ids = itertools.count()
        self.linker = Linker(store, lambda: self.now, NOBODY_ERASED)
        locks = NoLocks()
        self.edit = ContactEditor(store, self.linker, locks, lambda: self.now, NOBODY_ERASED)
        self.create = ContactCreator(store, self.linker, lambda: self.now, NOBODY_ERASED, lambda: f"ct_{next(ids)}")
        self.delete = ContactDeleter(store, locks, lambda: self.now)
        self.ingest = Ingest(store, self.linker, VisitorAssociator(self.edit), NOBODY_ERASED)
        self.ingest_conversations = ConversationIngest(store, self.linker, NOBODY_ERASED)
        self.under_way: list[tuple[Work, Any]] = []
        self.visits: list[TimelineEvent] = []
        self.deliveries: list[Delivery] = []

    def teardown(self) -> None:
        """Whoever is left is left alone."""
        for _, one in self.under_way:
            self.stage.kill(one)

    def live(self) -> list[str]:
        """The ids of all contacts."""
        places = self.stage.run(self.store.contact_list.walk(TENANT, None, 100))
        return sorted(place.contact_id for place in places)

    def begin(self, work: Work, steps: int = 0) -> None:
        """Make it under way, and its first steps."""
        self.under_way.append((work, self.stage.begin(work())))
        self.go_on(-1, steps)

    def go_on(self, who: int, steps: int) -> None:
        """So many steps of one that is under way."""
        make, one = self.under_way.pop(who)
        if self.stage.go_on(one, steps):
            self.under_way.append((make, one))

    def contact(self, number: int) -> str:
        """The id of some contact, or of none."""
        known = self.live()
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
            make, one = self.under_way.pop(who % len(self.under_way))
            self.stage.kill(one)
            forget(self.linker)
            self.begin(make)

    @rule()
    def everybody_comes_to_an_end(self) -> None:
        """One after the other, and the sweeper after them."""
        while self.under_way:
            self.go_on(0, TO_THE_END)
        self.now += A_CENTURY
        self.stage.run(link_the_rest(self.linker))


async def _answered(work: Coroutine[Any, Any, Any]) -> None:
    """A refusal is an answer too."""
    try:
        await work
    except (IdentityTakenError, ContactNotFoundError):
        return
