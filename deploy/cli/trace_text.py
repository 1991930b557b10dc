"""What a trace found, in sentences and as JSON. No contents of messages; of an address, only what tells it apart."""

from typing import Any

from consumers.trace import Trace, TracedEvent, TracedLetter, TracedRecord
from consumers.tracker.normalise import EXTERNAL_REFUSED, VISITOR_REFUSED
from deploy.cli.letter_options import described
from schemas.timestamps import iso_millis
from service.identity.model import Identity
from service.trace.model import MessageTrace

Finding = dict[str, Any]


def findings(trace: Trace, committed: int | None) -> list[Finding]:
    """Each has `finding`, what it is of, and `says`, the sentence for people. `committed` is the partition's offset."""
    return [
        *(_record(record, committed) for record in trace.records),
        *map(_event, trace.events),
        *map(_message, trace.messages),
        *map(_letter, trace.letters),
    ]


def _record(record: TracedRecord, committed: int | None) -> Finding:
    handled = committed is not None and committed > record.position.offset
    says = (
        f"Record {record.position} of tenant {record.tenant_id or '(none legible)'} is on its topic, and was handled."
    )
    if not handled:
        says = f"Record {record.position} is on its topic, and was not handled yet: offset {committed or 0} is next."
    if record.invalid:
        says += f" It cannot be: {record.invalid}."
    told = {"position": str(record.position), "tenant_id": record.tenant_id, "handled": handled}
    return {"finding": "record", **told, "invalid": record.invalid, "says": says}


def _event(traced: TracedEvent) -> Finding:
    event = traced.event
    says = (
        f"Event {event.event_id} ({event.event}, source {event.source}, tenant {event.tenant_id}) of "
        f"{iso_millis(event.timestamp)} is stored; it came {iso_millis(event.received_at)}. {_whose(traced)}"
    )
    return {
        "finding": "event",
        "event_id": event.event_id,
        "tenant_id": event.tenant_id,
        "event": event.event,
        "source": str(event.source),
        "timestamp": iso_millis(event.timestamp),
        "received_at": iso_millis(event.received_at),
        "contact_id": event.contact_id,
        "identities": [redacted(identity) for identity in event.identities],
        "refused": [name for name in (VISITOR_REFUSED, EXTERNAL_REFUSED) if name in event.context],
        "says": says,
    }


def _whose(traced: TracedEvent) -> str:
    """In whose timeline it is, or why in nobody's."""
    event, owners = traced.event, traced.owners
    names = " and ".join(map(redacted, event.identities))
    if event.contact_id is not None:
        said = f"It is in the timeline of contact {event.contact_id}"
        for owner in owners:
            if owner.contact_id == event.contact_id:
                return f"{said}: {redacted(owner.identity)} is that contact's since {iso_millis(owner.since)}."
        return f"{said}; it was linked by {names}, which is not that contact's any more." if names else f"{said}."
    if owners:
        owner = owners[0]
        return f"It is about to be linked: {redacted(owner.identity)} is contact {owner.contact_id}'s."
    if names:
        return f"It waits for a contact: nobody has {names}."
    kinds = {VISITOR_REFUSED: "visitor id", EXTERNAL_REFUSED: "external id"}
    refused = " and ".join(kind for name, kind in kinds.items() if name in event.context)
    return f"It is never linked: {f'its {refused} names nobody, and was refused' if refused else 'it names nobody'}."


def _message(message: MessageTrace) -> Finding:
    bound = sorted({contact for contact in message.contacts if contact is not None})
    waiting = sum(contact is None for contact in message.contacts)
    said = [f"Message {message.message_id} of {message.source} account {message.account} is stored"]
    if message.sent_at is not None:
        said.append(f"sent {iso_millis(message.sent_at)}")
    if message.hidden:
        said.append(f"hidden ({message.hidden})")
    if bound:
        seen = "shown to" if message.shown else "and not shown (hidden, or another copy of it is), though it belongs to"
        said.append(f"{seen} {', '.join(bound)}")
    if waiting:
        said.append(f"and {waiting} of its participants are no contacts yet")
    if not message.contacts:
        said.append("and nobody is known whose it is")
    return {
        "finding": "message",
        "source": str(message.source),
        "account": message.account,
        "message_id": message.message_id,
        "sent_at": iso_millis(message.sent_at) if message.sent_at else None,
        "hidden": message.hidden,
        "shown": message.shown,
        "contacts": bound,
        "waiting": waiting,
        "says": f"{', '.join(said)}.",
    }


def _letter(traced: TracedLetter) -> Finding:
    letter = traced.letter
    told = described(letter)
    says = f"Put aside {told['at']} as dead letter {told['position']}: {letter.reason} ({told['error_class']}). "
    says += f"It came from {told['original_position']}. " if told["original_position"] else ""
    says += "It does not hold its value. " if told["omitted"] else ""
    says += f"It was sent again, to {traced.sent_to}." if traced.sent_to else "It was not sent again."
    sent_to = str(traced.sent_to) if traced.sent_to else None
    return {"finding": "dead_letter", **told, "sent_to": sent_to, "says": says}


def redacted(identity: Identity) -> str:
    """`visitor v-1`; of anything like an e-mail address, the first letter and the domain."""
    name, at, domain = identity.value.rpartition("@")
    return f"{identity.kind} {f'{name[:1]}...@{domain}' if at else identity.value}"
