"""Kafka topics: names, keys, sizes. A prefix (`PATHBOUND_TOPIC_PREFIX`) is added where topics are used."""

from dataclasses import dataclass, field

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Largest record on any topic, and so the fetch and produce limit of every client."""

HEADER_ROOM_BYTES = 1024 * 1024
"""What the headers of a dead letter may take beside the record itself."""

TRACKER_EVENTS = "tracker.events"  # key: visitorId
GMAIL_MESSAGES = "gmail.messages"  # key: mailbox address
INTERCOM_EVENTS = "intercom.events"  # key: conversation id, else the Intercom contact id
CONTACTS_CHANGES = "contacts.changes"  # key: contact_id; CloudEvents 1.0
CONTACTS_TIMELINE = "contacts.timeline"  # key: contact_id; what entered the contact's timeline
CONTACTS_SNAPSHOT = "contacts.snapshot"  # key: contact_id; the latest whole contact, or a tombstone

SOURCES = {"tracker": TRACKER_EVENTS, "gmail": GMAIL_MESSAGES, "intercom": INTERCOM_EVENTS}
"""The topic that each source writes to."""


def consumer_group(topic_prefix: str, source: str) -> str:
    """The consumer group that reads a source's topic."""
    return f"{topic_prefix}pathbound.{source}"


def dead_letters_of(topic: str) -> str:
    """The topic that holds what could not be handled from `topic`: raw bytes, with headers that say why."""
    return f"{topic}.dlq"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as `pathbound init` makes it."""

    name: str
    config: dict[str, str] = field(default_factory=dict)

    @property
    def dead_letters(self) -> bool:
        """Whether it holds what could not be handled from another."""
        return self.name.endswith(dead_letters_of(""))


# The broker's clock, not the producer's: `received_at` must be the same at every redelivery, and true; retention must
# not depend on a relay's clock; and Kafka refuses a record whose own time is more than an hour ahead.
_TIMED = {"message.timestamp.type": "LogAppendTime"}
_COMMON = _TIMED | {"max.message.bytes": str(MAX_RECORD_BYTES)}
# Room for the headers that say why, beside a record as large as there may be; kept until somebody has looked.
_DEAD_LETTERS = _TIMED | {"max.message.bytes": str(MAX_RECORD_BYTES + HEADER_ROOM_BYTES), "retention.ms": "-1"}
# A subscriber that was away for less than a week still learns what was deleted. What is superseded goes within a day,
# and with it what was erased.
_SNAPSHOT = _COMMON | {
    "cleanup.policy": "compact",
    "delete.retention.ms": str(7 * 24 * 3600 * 1000),
    "max.compaction.lag.ms": str(24 * 3600 * 1000),
}

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(TRACKER_EVENTS, _COMMON),
    TopicSpec(dead_letters_of(TRACKER_EVENTS), _DEAD_LETTERS),
    TopicSpec(GMAIL_MESSAGES, _COMMON),
    TopicSpec(dead_letters_of(GMAIL_MESSAGES), _DEAD_LETTERS),
    TopicSpec(INTERCOM_EVENTS, _COMMON),
    TopicSpec(dead_letters_of(INTERCOM_EVENTS), _DEAD_LETTERS),
    TopicSpec(CONTACTS_CHANGES, _COMMON),
    TopicSpec(CONTACTS_TIMELINE, _COMMON),
    TopicSpec(CONTACTS_SNAPSHOT, _SNAPSHOT),
)
