"""Give a contact a visitor id that a trusted source saw it under."""

from schemas.changes import ChangeType
from service.clock import Clock
from service.contacts.changes import record_change
from service.contacts.context import Caller
from service.contacts.view import contact_object
from service.errors import ContactNotFoundError, DuplicateKeyError
from service.identity.linking import Linker
from service.identity.model import Association, Identity
from service.ids import new_event_id, new_link_task
from service.ports import Session


class VisitorAssociator:
    """Used by ingestion where `external_contact_id` names the contact and the visitor id is free (decision 3)."""

    def __init__(self, linker: Linker, clock: Clock) -> None:
        self._linker = linker
        self._clock = clock

    async def __call__(self, session: Session, caller: Caller, contact_id: str, visitor: Identity) -> int:
        """Associate the visitor and link what it did before; how many events that were.

        Nothing happens, and 0 is the answer, where the id was taken meanwhile (it stays where it is), the contact is
        gone, or it has as many visitor ids as a contact may have.
        """
        association = Association(visitor, contact_id, new_link_task())
        event_id = new_event_id()

        async def work() -> None:
            await session.identities.associate([association], self._clock())
            contact = await session.contacts.add_visitor(caller.tenant_id, contact_id, visitor.value, self._clock())
            if contact is None:
                raise ContactNotFoundError
            told = {"kind": visitor.kind.value, "value": visitor.value}
            published = {"identity": told, "contact": contact_object(contact, None)}
            change = ChangeType.CONTACT_IDENTITY_LINKED
            await record_change(session, caller, contact, change, event_id, told, published)

        try:
            await session.transaction(work)
        except (DuplicateKeyError, ContactNotFoundError):
            return 0
        return await self._linker.link(session, [association])
