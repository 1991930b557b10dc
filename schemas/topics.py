"""Kafka topics: names, keys, sizes. A prefix (`PATHBOUND_TOPIC_PREFIX`) is added where topics are used."""

from dataclasses import dataclass, field

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Largest record on any topic, and so the fetch and produce limit of every client."""

HEADER_ROOM_BYTES = 1024 * 1024
"""What the headers of a dead letter may take beside the record itself."""

TRACKER_EVENTS = "tracker.events"  # key: visitorId
CONTACTS_CHANGES = "contacts.changes"  # key: contact_id; CloudEvents 1.0
CONTACTS_SNAPSHOT = "contacts.snapshot"  # key: contact_id; the latest whole contact, or a tombstone


def dead_letters_of(topic: str) -> str:
    """The topic that holds what could not be handled from `topic`: raw bytes, with headers that say why."""
    return f"{topic}.dlq"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as `pathbound init` makes it."""

    name: str
    config: dict[str, str] = field(default_factory=dict)


_SIZE = {"max.message.bytes": str(MAX_RECORD_BYTES)}
# The broker's clock, not the producer's: `received_at` must be the same at every redelivery, and true.
_INBOUND = _SIZE | {"message.timestamp.type": "LogAppendTime"}
# Room for the headers that say why, beside a record as large as there may be; kept until somebody has looked.
_DEAD_LETTERS = {"max.message.bytes": str(MAX_RECORD_BYTES + HEADER_ROOM_BYTES), "retention.ms": "-1"}
# A subscriber that was away for less than a week still learns what was deleted.
_SNAPSHOT = _SIZE | {"cleanup.policy": "compact", "delete.retention.ms": str(7 * 24 * 3600 * 1000)}

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(TRACKER_EVENTS, _INBOUND),
    TopicSpec(dead_letters_of(TRACKER_EVENTS), _DEAD_LETTERS),
    TopicSpec(CONTACTS_CHANGES, _SIZE),
    TopicSpec(CONTACTS_SNAPSHOT, _SNAPSHOT),
)
