"""What keeps erased persons out: asked by whoever stores something, and by whoever gives identities to a contact.

The transaction of an erasure lays its marks before anything is looked for; whoever stores something asks for marks in
its own transaction, and once more after it for what nobody has. So whichever comes second sees the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.erasure.marks import Marker
from service.erasure.model import Handle, Mark, Subject, handle_of, is_erased
from service.errors import ContendedError, ErasureSecretError
from service.identity.model import Association, Identity, IdentityKind
from service.ports import Repositories, Session, Store


@dataclass(frozen=True, slots=True)
class Erased:
    """The marks under some handles."""

    marks: Mapping[Handle, Mark] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.marks)

    def has(self, handle: Handle, happened_at: datetime, received_at: datetime) -> bool:
        """See `is_erased`."""
        return is_erased(self.marks.get(handle), happened_at, received_at)


class ErasureGuard:
    """Without a secret nobody is erased, and nothing is read."""

    def __init__(self, marker: Marker | None = None) -> None:
        self._marker = marker

    async def check(self, store: Store) -> None:
        """Before anything else: raises ErasureSecretError unless the secret is the one that marks were made with."""
        known = await store.marks.fingerprint()
        if known is not None and (self._marker is None or self._marker.fingerprint != known):
            raise ErasureSecretError(missing=self._marker is None)

    async def introduce(self, store: Store) -> Marker:
        """Before marks are laid: the secret is the one from now on. Raises ErasureSecretError."""
        if self._marker is None:
            raise ErasureSecretError(missing=True)
        if await store.marks.introduce(self._marker.fingerprint) != self._marker.fingerprint:
            raise ErasureSecretError(missing=False)
        return self._marker

    async def find(self, repositories: Repositories, handles: Iterable[Handle]) -> Erased:
        """The marks that there are under these."""
        if self._marker is None:
            return Erased()
        by_tenant: dict[str, dict[str, Handle]] = {}
        for handle in handles:
            by_tenant.setdefault(handle.tenant_id, {})[self._marker(handle)] = handle
        found: dict[Handle, Mark] = {}
        for tenant_id, known in by_tenant.items():
            marks = await repositories.marks.find(tenant_id, list(known))
            found |= {known[text]: mark for text, mark in marks.items()}
        return Erased(found)

    async def associate(self, session: Session, associations: Sequence[Association], now: datetime) -> None:
        """Within a transaction: give free identities to contacts, and take under them what comes from now on. An
        address or an external id brings the person back, with all else that it was known by; a visitor id itself only.

        Raises ContendedError while there may be something left of the person, which the contact must not inherit, and
        DuplicateKeyError if one is taken (the transaction is over).
        """
        if associations:
            await self._welcome(session, [one.identity for one in associations])
            await session.identities.associate(associations, now)

    async def _welcome(self, session: Session, identities: Sequence[Identity]) -> None:
        erased = await self.find(session, map(handle_of, identities))
        for handle, mark in erased.marks.items():
            erasure = await session.erasures.get(handle.tenant_id, mark.erasure_id)
            if erasure is not None and erasure.done_at is None:
                raise ContendedError
            if mark.before is None and self._marker is not None:
                whole = [] if handle.kind == IdentityKind.VISITOR.value else [mark.erasure_id]
                await session.marks.lift(handle.tenant_id, [self._marker(handle)], whole)

    async def erased_for_good(self, session: Session, identities: Sequence[Identity]) -> list[Identity]:
        """Those under which nothing is taken: erased, and nobody has been given them since."""
        erased = await self.find(session, map(handle_of, identities))
        marks = {identity: erased.marks.get(handle_of(identity)) for identity in identities}
        return [identity for identity, mark in marks.items() if mark is not None and mark.before is None]

    async def look_again(self, session: Session, identities: Sequence[Identity]) -> None:
        """After the commit of something stored under identities that nobody had: if one of them was erased at the same
        time, that erasure has more to do."""
        erased = await self.find(session, map(handle_of, identities))
        by_handle = {handle_of(identity): identity for identity in identities}
        for handle, mark in erased.marks.items():
            if mark.before is None:
                more = Subject(handle.tenant_id, identities=(by_handle[handle],))
                await session.erasures.learn(handle.tenant_id, mark.erasure_id, more)


NOBODY_ERASED = ErasureGuard()
