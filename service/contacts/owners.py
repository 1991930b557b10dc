"""Who has an identity that turned out to be taken."""

from collections.abc import Iterable

from service.errors import EmailTakenError, IdentityTakenError, VisitorIdTakenError
from service.identity.model import Identity, IdentityKind
from service.ports import Session

_TAKEN: dict[IdentityKind, type[IdentityTakenError]] = {
    IdentityKind.EMAIL: EmailTakenError,
    IdentityKind.VISITOR: VisitorIdTakenError,
    IdentityKind.EXTERNAL: IdentityTakenError,
}


async def raise_owner(session: Session, identities: Iterable[Identity], contact_id: str) -> None:
    """Outside a transaction that ended in a duplicate key: raise IdentityTakenError's kind for the first identity that
    another contact has. Returns if none is any more: then trying again is right."""
    wanted = list(identities)
    owners = await session.identities.owners(wanted)
    for identity in wanted:
        owner = owners.get(identity)
        if owner is not None and owner != contact_id:
            raise _TAKEN[identity.kind](owner)
