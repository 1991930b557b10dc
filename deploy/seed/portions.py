"""A portion of a plan as it is stored: contacts, what they are known by, and their timelines. Pure."""

from dataclasses import replace

from deploy.seed.people import people
from deploy.seed.plan import SeedPlan
from deploy.seed.visits import visits
from schemas.changes import ChangeType
from service.contacts.changes import Change, change_event
from service.contacts.context import Caller
from service.contacts.create import identities_of, told_of
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
    at_first = contact if contact.version == 1 else replace(contact, committed_at=contact.created_at)
    event_id = f"evt_{plan.ulid(contact.created_at, contact.contact_id)}"
    change = Change(ChangeType.CONTACT_CREATED, told_of(contact), published={})
    return change_event(Caller(plan.tenant_id, actor=None, request_id=None), at_first, event_id, change)
