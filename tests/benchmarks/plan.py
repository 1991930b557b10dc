"""How much is measured."""

from dataclasses import dataclass, field


def _size(default: int, what: str) -> int:
    """A field that is also an option of the command."""
    size: int = field(default=default, metadata={"what": what})
    return size


@dataclass(frozen=True)
class Plan:
    """The sizes of one round, and how many rounds."""

    rounds: int = _size(3, "alternating rounds of a subject and its ceilings")
    contacts: int = _size(1_500, "contacts created in a round")
    imported: int = _size(3_000, "contacts imported in a round")
    reads: int = _size(6_000, "contacts read in a round")
    events: int = _size(20_000, "tracker events ingested in a round")
    backlog: int = _size(30_000, "outbox records that a relay finds waiting")
    messages: int = _size(10_000, "Gmail messages, and Intercom notifications, ingested in a round")
    soak: int = _size(100_000, "events over which a consumer's memory is watched; the mark is about 2000000")
    delays: int = _size(100, "delays measured")
    small: int = _size(10_000, "with --size: contacts of the small size")
    large: int = _size(1_000_000, "with --size: contacts of the large size")
    asks: int = _size(20, "with --size: how often each question is asked in a round")
