"""What must have become of everything that was acknowledged: kept up while the load runs."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.operations import Kind, Operation
from tests.chaos.sources import SourceRecord, entries_of, record_id, session_of, visitor_of

LIFECYCLE_STAGE = "lifecyclestage"


@dataclass(slots=True)
class ExpectedContact:
    """A person as the service must know it. Without a contact id it has no contact, and may have a history."""

    person: str
    contact_id: str | None = None
    deleted: bool = False
    version: int = 0
    properties: dict[str, Any] = field(default_factory=dict)
    visitor_ids: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    """Visitor ids that a login makes the contact's: each by a change of its own, whenever the consumer gets there."""
    identified: bool = False
    """Whether its external id is linked."""
    notes: dict[str, str] = field(default_factory=dict)
    """Contents, by the name of the operation that made the note."""
    note_ids: dict[str, str] = field(default_factory=dict)
    actions: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    """How many events of each type its part of the feed has."""
    maybe: Counter[str] = field(default_factory=Counter)
    """How many more there may be: of an edit of a note that was asked for again without knowing what had become of it,
    and of a login about when the contact was deleted."""
    visits: defaultdict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """By visitor id: timeline entry and session."""
    mails: list[str] = field(default_factory=list)
    chat: list[str] = field(default_factory=list)
    chat_known: bool = False

    @property
    def visitors(self) -> list[str]:
        """All visitor ids."""
        return self.visitor_ids + self.adopted

    @property
    def entries(self) -> list[str]:
        """Its timeline, without its own changes."""
        visits = [entry for visitor in self.visitors for entry, _ in self.visits[visitor]]
        return visits + self.mails + (self.chat if self.chat_known else [])

    @property
    def page_views(self) -> int:
        return sum(len(self.visits[visitor]) for visitor in self.visitors)

    @property
    def sessions(self) -> int:
        return len({session for visitor in self.visitors for _, session in self.visits[visitor]})


@dataclass(slots=True)
class Expected:
    """Everybody, and what each source's topic must hold."""

    tenant_id: str
    people: dict[str, ExpectedContact] = field(default_factory=dict)
    told: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By source: the record ids of what is right. Each is on the topic at least once."""
    maybe_nothing_new: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By source: how many of those may tell nothing new, whatever comes first: an address that a chat tells, too."""
    poison: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def person(self, name: str) -> ExpectedContact:
        return self.people.setdefault(name, ExpectedContact(name))

    @property
    def contacts(self) -> list[ExpectedContact]:
        """All that were created, deleted ones included."""
        return [one for one in self.people.values() if one.contact_id is not None]

    def produced(self, operation: Operation, records: Sequence[SourceRecord]) -> None:
        """Kafka has acknowledged these records of an operation."""
        if operation.kind is Kind.POISON:
            for record in records:
                self.poison[record.source].add(record_id(record.source, record.value))
            return
        for record in records:
            self.told[record.source].add(record_id(record.source, record.value))
        if operation.kind is Kind.AGAIN:
            return
        self._entered(operation)
        # Keyed by the person and not by the conversation, so a chat that knows the address may be read before it.
        if operation.kind is Kind.CHAT and operation.told["step"] == "contact":
            self.maybe_nothing_new["intercom"] += 1

    def tracked(self, operation: Operation) -> None:
        """The door for visits has answered 202."""
        self.told["tracker"].add(f"m-{operation.name}")
        self._entered(operation)

    def answered(self, operation: Operation, body: Any, *, asked_before: int) -> None:
        """The API has acknowledged it; `asked_before`: so many requests for it before are not known to have failed."""
        person = self.person(operation.person)
        told = operation.told
        match operation.kind:
            case Kind.CREATE:
                _created(person, body)
            case Kind.UPDATE:
                _updated(person, told["properties"])
            case Kind.IDENTIFY:
                _identified(person, operation)
            case Kind.NOTE:
                person.notes[operation.name] = note_text(operation)
                person.note_ids[operation.name] = body["note"]["note_id"]
                person.changes["note.created"] += 1
            case Kind.EDIT_NOTE:
                person.notes[note_name(operation)] = note_text(operation)
                person.changes["note.updated"] += 1
                person.maybe["note.updated"] += asked_before
            case Kind.DELETE_NOTE:
                del person.notes[note_name(operation)]
                person.changes["note.deleted"] += 1
            case Kind.ACT:
                _acted(person, operation)
            case _:
                assert operation.kind is Kind.DELETE
                person.deleted = True
                person.changes["contact.deleted"] += 1
                person.maybe["contact.identity_linked"] += len(person.adopted)

    def _entered(self, operation: Operation) -> None:
        person, entries = self.person(operation.person), entries_of(operation, self.tenant_id)
        if operation.kind is Kind.MAIL:
            person.mails += entries
        elif operation.kind is Kind.CHAT:
            person.chat += entries
            person.chat_known = person.chat_known or operation.told["known"]
        else:
            visitor = visitor_of(operation.person, operation.told["device"])
            person.visits[visitor] += [(entry, session_of(operation)) for entry in entries]
            if operation.told.get("login"):
                person.adopted.append(visitor)


def note_name(operation: Operation) -> str:
    """The name of the operation that made the note which this one changes."""
    return f"{operation.client}-{operation.told['note']}"


def note_text(operation: Operation) -> str:
    """Unique, so that a doubled note shows."""
    return f"note by {operation.name}"


def created_properties(operation: Operation) -> dict[str, Any]:
    """What a contact begins with."""
    return {"firstname": f"First {operation.name}", "company": "Acme"}


def acted_properties(operation: Operation) -> dict[str, Any]:
    """What an action sets, beside a stage."""
    return {"state": f"state {operation.name}"}


def stale(person: ExpectedContact, body: Any) -> list[str]:
    """What a contact, read just now, lacks of what was acknowledged. Only a login may have come on top."""
    contact = body["contact"]
    lacks = [] if contact["version"] >= person.version else [f"version {contact['version']} after {person.version}"]
    lacks += [] if contact["properties"] == person.properties else ["properties"]
    lacks += [] if set(person.visitor_ids) <= set(contact["visitor_ids"]) else ["visitor ids"]
    return [f"{person.person}: read after the acknowledgement, and still old: {one}" for one in lacks]


def _created(person: ExpectedContact, body: Any) -> None:
    contact = body["contact"]
    person.contact_id, person.version = contact["contact_id"], 1
    person.properties = dict(contact["properties"])
    person.visitor_ids = [visitor_of(person.person, 0)]
    person.changes["contact.created"] += 1


def _updated(person: ExpectedContact, properties: dict[str, Any]) -> None:
    stage = person.properties.get(LIFECYCLE_STAGE)
    merged = person.properties | properties
    person.properties = {key: value for key, value in merged.items() if value is not None}
    person.version += 1
    person.changes["contact.updated"] += 1
    person.changes["contact.lifecycle_stage_changed"] += person.properties.get(LIFECYCLE_STAGE) != stage


def _identified(person: ExpectedContact, operation: Operation) -> None:
    _updated(person, identified_traits(operation))
    device = operation.told["device"]
    if device is not None:
        person.visitor_ids.append(visitor_of(person.person, device))
    person.changes["contact.identity_linked"] += (device is not None) + (not person.identified)
    person.identified = True


def identified_traits(operation: Operation) -> dict[str, Any]:
    """What is told of a person beside its address."""
    return {"plan": f"plan {operation.name}"}


def _acted(person: ExpectedContact, operation: Operation) -> None:
    act = operation.told["act"]
    person.actions += 1
    person.changes["action.completed"] += 1
    if act == "create_note":
        person.notes[operation.name] = note_text(operation)
        person.changes["note.created"] += 1
    elif act == "update_lifecycle_stage":
        _updated(person, {LIFECYCLE_STAGE: operation.told["stage"]})
    else:
        _updated(person, acted_properties(operation))
