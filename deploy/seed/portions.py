"""A portion of a plan as it is stored: contacts, what they are known by, and their timelines. Pure."""

from dataclasses import replace

from deploy.seed.people import people
from deploy.seed.plan import SeedPlan
from deploy.seed.visits import visits
from service.contacts.changes import change_event
from service.contacts.context import Caller
from service.contacts.create import creation, identities_of
from service.contacts.model import Contact
from service.identity.model import Association
from service.mongo.bulk_load import Portion
from service.timeline.model import TimelineEvent


def portion_of(plan: SeedPlan, number: int) -> Portion:
    """The same for the same plan and number."""
    contacts = list(people(plan, number))
    return Portion(
        tenant_id=plan.tenant_id,
        contacts=contacts,
        associations=[
            Association(identity, contact.contact_id, link_task="")
            for contact in contacts
            for identity in identities_of(contact)
        ],
        changes=[_created(plan, contact) for contact in contacts],
        visits=visits(plan, number, contacts),
    )


def _created(plan: SeedPlan, contact: Contact) -> TimelineEvent:
    """The contact's creation, as its timeline tells it."""
    caller = Caller(plan.tenant_id, actor=None, request_id=None)
    event_id = f"evt_{plan.ulid(contact.created_at, contact.contact_id)}"
    return change_event(caller, replace(contact, committed_at=contact.created_at), event_id, creation(contact))
