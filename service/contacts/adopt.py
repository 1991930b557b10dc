"""Give a contact the visitor ids that events of its external id carry (design, decision 3)."""

from collections.abc import Sequence
from datetime import datetime

from schemas.contacts import MAX_VISITOR_IDS, UpdateContact
from service.contacts.changes import record_changes
from service.contacts.context import Caller
from service.contacts.merge import merge
from service.erasure.guard import ErasureGuard
from service.errors import ContactTooLargeError
from service.identity.model import Association, Identity
from service.ids import new_link_task
from service.ports import Session


async def adopt_visitors(
    session: Session, guard: ErasureGuard, tenant_id: str, contact_id: str, free: Sequence[Identity], now: datetime
) -> list[Association]:
    """Within the transaction that links the events: the contact has the ids after it, or none of it has happened.

    As many as the contact has room for; nothing is written where that is none. An id that is being erased, or was,
    stays free. What was stored under the ids is to be linked afterwards: the associations say so. Raises
    DuplicateKeyError where an id is free no more.
    """
    contact = await session.contacts.get(tenant_id, contact_id)
    if contact is None:
        return []
    # An erasure that ends beside this takes the id off the events, so that it conflicts with this; and one that begins
    # beside this finds the id given when it ends.
    under_way = await session.erasures.under_way(tenant_id)
    going = {identity for erasure in under_way for identity in erasure.subject.identities}
    going.update(await guard.erased_for_good(session, free))
    adoptable = [visitor for visitor in free if visitor not in going]
    room = max(0, MAX_VISITOR_IDS - len(contact.visitor_ids))
    # Trusted: the ids come from the registry's own rules, not from a client.
    wanted = UpdateContact.model_construct(properties={}, visitor_id=[visitor.value for visitor in adoptable[:room]])
    try:
        merged = merge(contact, wanted, now)
    except ContactTooLargeError:
        return []
    associations = [Association(visitor, contact_id, new_link_task()) for visitor in merged.gained]
    if associations:
        await session.identities.associate(associations, now)
        await session.contacts.replace(merged.contact)
        caller = Caller(tenant_id, actor=None, request_id=None)
        await record_changes(session, caller, merged.contact, merged.changes)
    return associations
