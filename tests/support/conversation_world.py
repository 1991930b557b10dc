"""A store in memory, and everybody who works on it with conversations: stories to play, and how they must end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from schemas.events import Source
from service.conversations.incoming import Delivery
from service.conversations.ingest import ConversationIngest
from service.conversations.model import ConversationRow
from service.erasure.guard import NOBODY_ERASED
from service.profile.model import OF_MESSAGE
from service.timeline.model import TimelineEvent
from tests.support.conversation_facts import TENANT
from tests.support.events import MORNING
from tests.support.interleaving import LinkingWorld, interleave, run_to_end


class World(LinkingWorld):
    """One store, and everybody who works on it."""

    def __init__(self) -> None:
        super().__init__(TENANT)
        self.ingest = ConversationIngest(self.store, self.linker, NOBODY_ERASED)

    def state(self) -> dict[str, Any]:
        """All that is stored of conversations; contacts by their addresses, since their ids depend on the order."""
        memory = self.store.memory
        names = {contact.contact_id: contact.email for contact in memory.all("contact").values()}
        crm = {key for key, event in memory.all("event").items() if event.source is Source.CRM}
        return {
            "messages": {key: replace(record, received_at=MORNING) for key, record in memory.all("message").items()},
            "source_threads": memory.all("source_thread"),
            "persons": {key: emails for key, (emails, _) in memory.all("person").items() if emails},
            "rows": {key: _named(row, names) for key, row in memory.all("row").items()},
            "threads": {
                (names[contact_id], conversation): replace(thread, contact_id=names[contact_id])
                for (contact_id, conversation), thread in memory.all("contact_thread").items()
            },
            "events": {
                told_of(event, names): replace(
                    event, event_id="", received_at=MORNING, contact_id=names.get(event.contact_id or "")
                )
                for key, event in memory.all("event").items()
                if key not in crm
            },
            "figures": {
                names[contact_id]: one for (_, contact_id), one in memory.all("conversed").items() if one.counts
            },
        }


def told_of(event: TimelineEvent, names: Mapping[str, str]) -> tuple[str | None, ...]:
    """What decides an event's id; a message has another for each contact: whose it is, as whom, the copy shown."""
    if OF_MESSAGE not in event.context:
        return (event.event_id,)
    data, contact = event.data, names.get(event.contact_id or "")
    return contact, event.identities[0].value, data["account"], data["message_id"]


def _named(row: ConversationRow, names: Mapping[str, str]) -> ConversationRow:
    return replace(row, contact_id=names[row.contact_id] if row.contact_id else None)


def stories(told: st.SearchStrategy[Delivery], people: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Deliveries, contacts, and how they get mixed up."""
    return st.fixed_dictionaries(
        {
            "deliveries": st.lists(told, min_size=1, max_size=7),
            "batches": st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), max_size=4),
            "order": st.randoms(use_true_random=False),
            "contacts": st.lists(st.sampled_from(people), unique=True, max_size=2),
            "schedule": st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=150),
        }
    )


def numbered(one: Delivery, offset: int) -> Delivery:
    """As the record at that offset."""
    return replace(one, receipt=one.receipt._replace(offset=offset))


def plain(story: dict[str, Any]) -> World:
    """Each delivery once, in order, and the contacts last."""
    world = World()
    for number, one in enumerate(story["deliveries"]):
        run_to_end(world.ingest([numbered(one, number)], []))
    for email in story["contacts"]:
        run_to_end(world.create_contact(email))
    world.settle()
    return world


def played(story: dict[str, Any]) -> World:
    """In batches, some of it repeatedly, everything interleaved, and whoever is killed begins anew."""
    world = World()
    every = story["deliveries"]
    missing = [n for n in range(len(every)) if not any(n in batch for batch in story["batches"])]
    batches = [[n % len(every) for n in batch] for batch in [*story["batches"], *([missing] if missing else [])]]
    works: list[Any] = [
        *(lambda batch=batch: world.ingest([every[n] for n in batch], []) for batch in batches),
        *(lambda email=email: world.create_contact(email) for email in story["contacts"]),
    ]
    story["order"].shuffle(works)
    interleave(works, story["schedule"], world.killed)
    world.settle()
    return world
