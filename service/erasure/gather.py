"""Learning what else a person was known by, before what tells of it is removed."""

from datetime import datetime

from service.erasure.marks import Marker
from service.erasure.model import Erasure, Subject
from service.identity.model import Identity, IdentityKind
from service.ports import Session


async def gather(session: Session, marker: Marker, erasure: Erasure, now: datetime) -> Erasure:
    """Until nothing more is found; all of it is marked and written down with the erasure. Raises StoreError's kinds.

    An identity that a living contact has is that contact's, and left out.
    """
    while True:
        subject = erasure.subject
        more = subject.joined(await _found(session, subject))
        if more == subject:
            return erasure
        await session.erasures.learn(subject.tenant_id, erasure.erasure_id, more)
        marks = [marker(handle) for handle in more.handles if handle not in set(subject.handles)]
        await session.marks.lay(subject.tenant_id, erasure.erasure_id, marks, now)
        learnt = await session.erasures.get(subject.tenant_id, erasure.erasure_id)
        if learnt is None:
            return erasure
        erasure = learnt


async def _found(session: Session, subject: Subject) -> Subject:
    tenant_id = subject.tenant_id
    identities: dict[Identity, None] = {}
    for contact_id in subject.contact_ids:
        async for portion in session.remains.carried(tenant_id, contact_id):
            identities |= dict.fromkeys(portion)
    contact_ids: set[str] = set()
    async for rows in session.shared_remains.rows(subject):
        mine = [row for row in rows if row.contact_id in subject.contact_ids]
        identities |= {Identity(tenant_id, IdentityKind.EMAIL, row.address): None for row in mine}
        contact_ids |= {row.contact_id for row in rows if row.contact_id and row.address in subject.addresses}
    persons = await session.shared_remains.persons_with(tenant_id, sorted(subject.addresses))
    known = await session.source_threads.persons(persons)
    emails = {
        person: [Identity(tenant_id, IdentityKind.EMAIL, one) for one in sorted(known.get(person, frozenset()))]
        for person in persons
    }
    candidates = [*identities, *(one for some in emails.values() for one in some)]
    owners = await session.identities.owners(candidates)
    # A person whom its source knows by another contact's address too is that contact as well, and stays.
    ours = [person for person, some in emails.items() if owners.keys().isdisjoint(some)]
    return Subject(
        tenant_id,
        contact_ids=tuple(sorted(await session.remains.deleted(tenant_id, sorted(contact_ids)))),
        identities=tuple(
            one for one in (*identities, *(one for person in ours for one in emails[person])) if one not in owners
        ),
        persons=tuple(sorted(ours)),
    )
