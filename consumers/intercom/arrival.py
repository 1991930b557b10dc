"""What is the same for all that one record says."""

from dataclasses import dataclass
from datetime import datetime

from schemas.events import Source
from service.conversations.incoming import MessageKey, PersonKey, thread_key
from service.conversations.model import ThreadKey
from service.ledger.model import Receipt

_INTERCOM = Source.INTERCOM


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whose record it is, and when it came. `latest` is how far the source's clock is believed; `topic` is the
    notification's ("" for a REST object), `told_at` when Intercom made it."""

    tenant_id: str
    receipt: Receipt
    received_at: datetime
    latest: datetime
    topic: str = ""
    told_at: datetime | None = None

    def moment(self, *told: datetime | None) -> datetime:
        """The first that is told, else when the notification was made, else when the record came; none is later than
        `latest`."""
        found = next((each for each in (*told, self.told_at) if each is not None), self.received_at)
        return min(found, self.latest)

    def dated(self, *told: datetime | None) -> bool:
        """Whether `moment` is what the source told, so that it is the same whenever it is delivered."""
        found = next((each for each in (*told, self.told_at) if each is not None), None)
        return found is not None and found <= self.latest

    def seconds(self, *told: datetime | None) -> int:
        """The first that is told and no later than `latest`, as unix seconds; 0 if none is."""
        found = next((each for each in told if each is not None and each <= self.latest), None)
        return 0 if found is None else int(found.timestamp())

    def thread(self, conversation_id: str) -> ThreadKey:
        return thread_key(self.tenant_id, _INTERCOM, conversation_id, conversation_id)

    def message(self, conversation_id: str, part_id: str) -> MessageKey:
        return MessageKey(self.tenant_id, _INTERCOM, conversation_id, part_id)

    def person(self, person_id: str) -> PersonKey:
        return PersonKey(self.tenant_id, _INTERCOM, person_id)
