"""A large thread in parts, so that a message changes one of them and the others need not be read. Pure.

Each part is what its rows amount to, and the thread is its parts together: a function of the rows alone, as that of a
small thread, which has no parts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.events import Source
from service.conversations.figures import Summary, summary_of, together
from service.conversations.incoming import digest
from service.conversations.model import ConversationRow, Message, Thread, ThreadKey

PARTS = 64

Item = tuple[ConversationRow, Message]


@dataclass(frozen=True, slots=True)
class Part:
    """Of the rows shown in conversations, and of all visible ones of an e-mail thread (`Thread` has both)."""

    shown: Summary | None
    mailbox: Summary | None


@dataclass(frozen=True, slots=True)
class Parts:
    """A contact's thread, by the numbers of those parts in which there is something to be seen."""

    key: ThreadKey
    of: Mapping[int, Part] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many messages there are to be seen."""
        return sum(max(one.count for one in (part.shown, part.mailbox) if one) for part in self.of.values())

    def thread(self, contact_id: str) -> Thread:
        """The whole."""
        parts = self.of.values()
        return Thread(
            key=self.key,
            contact_id=contact_id,
            shown=together(part.shown for part in parts),
            mailbox=together(part.mailbox for part in parts),
        )

    def changed(self, numbers: Iterable[int], now: Mapping[int, Part]) -> "Parts":
        """With these parts as they are `now`."""
        gone = set(numbers)
        kept = {number: part for number, part in self.of.items() if number not in gone}
        return Parts(self.key, {**kept, **now})


def part_number(message_id: str) -> int:
    """The part that all rows of a message are in."""
    return int(digest(message_id)[:8], 16) % PARTS


def parts_of(items: Iterable[Item]) -> dict[int, Part]:
    """The parts that these rows of one thread make: each with all of its rows, or with none."""
    by_number: defaultdict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_number[part_number(item[0].message_id)].append(item)
    parts = {number: _part_of(mine) for number, mine in by_number.items()}
    return {number: part for number, part in parts.items() if part.shown or part.mailbox}


def _part_of(items: list[Item]) -> Part:
    return Part(
        shown=summary_of(item for item in items if item[0].shown),
        mailbox=summary_of(item for item in items if item[0].visible and item[0].source is Source.GMAIL),
    )
