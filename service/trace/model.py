"""What became of one input: what is told of a stored message."""

from datetime import datetime
from typing import NamedTuple

from schemas.events import Source
from service.identity.model import Identity


class Ownership(NamedTuple):
    """Whose an identity is, and since when."""

    identity: Identity
    contact_id: str
    since: datetime


class MessageTrace(NamedTuple):
    """A message of a conversation, without what it says."""

    source: Source
    account: str
    message_id: str
    sent_at: datetime | None
    hidden: str | None
    """Why it is not shown: `draft`, `spam`, `trash`, `internal`, or `deleted` at its source."""
    contacts: tuple[str | None, ...]
    """For each participant: the contact that the message is bound to, or None where nobody has the address."""
    shown: bool
    """Whether a contact sees it. A copy in another mailbox may stand for it."""
