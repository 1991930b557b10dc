"""Give a contact a visitor id that a trusted source saw it under."""

from schemas.contacts import UpdateContact
from service.contacts.context import Caller
from service.contacts.edit import ContactEditor, Edit
from service.errors import ContactNotFoundError, ContactTooLargeError, IdentityTakenError, TooManyVisitorIdsError
from service.identity.model import Identity
from service.ports import Session


class VisitorAssociator:
    """Used by ingestion where `external_contact_id` names the contact and the visitor id is free (decision 3)."""

    def __init__(self, edit: ContactEditor) -> None:
        self._edit = edit

    async def __call__(self, session: Session, caller: Caller, contact_id: str, visitor: Identity) -> None:
        """Associate the visitor and link what it did before.

        Nothing happens where the id was taken meanwhile (it stays where it is), the contact is gone, or it has as much
        as a contact may have. Raises StoreError's kinds.
        """
        # Trusted: the id comes from the registry's own rules, not from a client.
        wanted = UpdateContact.model_construct(properties={}, visitor_id=[visitor.value])
        try:
            await self._edit(caller, contact_id, Edit(wanted), session=session)
        except (IdentityTakenError, ContactNotFoundError, ContactTooLargeError, TooManyVisitorIdsError):
            return
