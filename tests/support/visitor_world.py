"""A store in memory, and everybody who works on it with visitors' events."""

from collections.abc import Sequence

from service.contacts.associate import VisitorAssociator
from service.contacts.edit import ContactEditor
from service.erasure.guard import NOBODY_ERASED
from service.identity.model import Identity
from service.timeline.ingest import Ingest
from service.timeline.model import TimelineEvent
from tests.support.events import external
from tests.support.interleaving import LinkingWorld, NoLocks

TENANT = "t"
VISITORS = ["v1", "v2", "v3"]


class World(LinkingWorld):
    """One store, and everybody who works on it."""

    def __init__(self) -> None:
        super().__init__(TENANT)
        associator = VisitorAssociator(
            ContactEditor(self.store, self.linker, NoLocks(), lambda: self.now, NOBODY_ERASED)
        )
        self.ingest = Ingest(self.store, self.linker, associator, NOBODY_ERASED)

    async def identify(self, email: str, visitors: Sequence[str], external_id: str | None) -> None:
        """A client's request, as POST /v1/identify makes it of an external id."""
        await self.create_contact(email, visitors, [external(TENANT, external_id)] if external_id else [])

    def events(self) -> dict[str, TimelineEvent]:
        """All stored events, by id."""
        found: dict[str, TimelineEvent] = self.store.memory.all("event")
        return found

    def registry(self) -> dict[Identity, str]:
        """Who has which identity."""
        return {identity: owner for identity, (owner, _) in self.store.memory.all("identity").items()}
