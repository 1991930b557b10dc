"""Stories that went wrong once, each told again as hypothesis found it."""

import pytest

from schemas.contacts import CreateContact, UpdateContact
from schemas.events import Source
from service.contacts.edit import Edit
from service.conversations.incoming import PersonFact, PersonKey, ThreadFact, thread_key
from service.profile.model import OF_MESSAGE
from tests.support.conversation_facts import MAILBOXES, PEOPLE, TENANT, delivery, mail, part
from tests.support.interleaving import turn
from tests.support.memory_store import MemoryStore
from tests.support.stories import CALLER, Steps, Stories


def a_world() -> Stories:
    return Stories(MemoryStore(turn), Steps())


def owners_of_message_events(world: Stories) -> list[str]:
    events = world.store.memory.all("event").values()
    return sorted(one.contact_id for one in events if OF_MESSAGE in one.context)


def test_a_mail_that_turns_out_to_be_a_copy_is_one_event() -> None:
    world = a_world()
    world.stage.run(world.create(CALLER, CreateContact(email=PEOPLE[0])))
    for completeness in (1, 2):
        told = mail(MAILBOXES[0], 1, 1, PEOPLE[:1], 1, None, sent=False, completeness=completeness)
        world.stage.run(world.ingest_conversations([told], []))

    assert owners_of_message_events(world) == ["ct_0"]


def test_a_mail_is_in_the_timelines_of_both_whose_address_changed_hands_between_its_copies() -> None:
    world = a_world()
    moved = Edit(UpdateContact.model_construct(properties={"email": "new@example.com"}, visitor_id=[], company_id=None))
    copies = [mail(box, 1, 1, PEOPLE[:1], 1, None, sent=False, completeness=2) for box in MAILBOXES]
    world.stage.run(world.create(CALLER, CreateContact(email=PEOPLE[0])))
    world.stage.run(world.ingest_conversations(copies[:1], []))
    world.stage.run(world.edit(CALLER, "ct_0", moved))
    world.stage.run(world.create(CALLER, CreateContact(email=PEOPLE[0])))
    world.stage.run(world.ingest_conversations(copies[1:], []))

    assert owners_of_message_events(world) == ["ct_0", "ct_1"]


@pytest.mark.parametrize("steps", range(40))
def test_deleting_a_conversation_conflicts_with_learning_who_was_in_it(steps: int) -> None:
    world = a_world()
    told = part("c1", 0, 1, {"i1"}, redacted=False, internal=False, state="open")
    world.stage.run(world.ingest_conversations([told], []))
    person = PersonFact(PersonKey(TENANT, Source.INTERCOM, "i1"), frozenset(PEOPLE[:1]))
    gone = ThreadFact(thread_key(TENANT, Source.INTERCOM, "c1", "c1"), deleted=True)
    world.begin(lambda: world.ingest_conversations([delivery(persons=(person,))], []), steps)

    world.stage.run(world.ingest_conversations([delivery(threads=(gone,))], []))
    world.everybody_comes_to_an_end()

    assert not world.store.memory.all("row")
