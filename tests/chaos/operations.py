"""What the clients of the load do, one after the other: a pure function of the seed and of the client's number.

People are named, not identified: `c2-17` is the 17th person that client 2 meets. Each client keeps to people of its
own, so that it knows what every one of its writes must have come to; the exception is one busy contact, on which all
of them write notes.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schemas.contacts import LIFECYCLE_STAGES

BUSY = "busy"
"""The one person that all clients know."""

_MOST_DEVICES = 3
_FIRST_LOGGED_IN = 100
_STAGES = sorted(LIFECYCLE_STAGES)


class Kind(StrEnum):
    """The kinds of operations: first what sources tell, then what is asked of the API."""

    VISIT = "visit produced"
    MAIL = "mail produced"
    CHAT = "chat produced"
    AGAIN = "record produced again"
    POISON = "poison produced"
    TRACK = "visit by the door"
    CREATE = "contact created"
    UPDATE = "contact updated"
    DELETE = "contact deleted"
    READ = "contact read"
    IDENTIFY = "contact identified"
    NOTE = "note created"
    EDIT_NOTE = "note edited"
    DELETE_NOTE = "note deleted"
    ACT = "action executed"


PRODUCED = frozenset([Kind.VISIT, Kind.MAIL, Kind.CHAT, Kind.AGAIN, Kind.POISON])
"""Those that go straight to Kafka."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step. `serial` is unique within the client; `name` is unique in the run; `told` is what the kind needs."""

    kind: Kind
    client: int
    serial: int
    person: str
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique in the run: ids of records, texts of notes and idempotency keys are made of it."""
        return f"{self.client}-{self.serial}"


@dataclass(slots=True)
class _Person:
    name: str
    devices: int = 1
    bound: int = 0
    """How many of the devices are the contact's."""
    logged_in: list[int] = field(default_factory=list)
    """Devices on which the person has told the external id: the consumer makes them the contact's."""
    identified: bool = False
    contact: bool = False
    stage: str | None = None
    notes: list[tuple[int, bool]] = field(default_factory=list)
    """Serials of notes that are there, and whether each was edited."""
    chat: int | None = None
    """The serial of the chat that is under way."""
    chat_known: bool = False
    """Whether Intercom knows the address of who chats."""


class Planner:
    """Deals one client's operations, without end."""

    def __init__(self, seed: int, client: int) -> None:
        self._dice = random.Random(f"{seed}/operations/{client}")
        self._client = client
        self._serial = 0
        self._met = 0
        self._people: list[_Person] = []
        self._produced: list[int] = []
        self._choices: dict[Kind, tuple[int, Callable[[], Operation | None]]] = {
            Kind.VISIT: (26, self._visit),
            Kind.MAIL: (8, self._mail),
            Kind.CHAT: (10, self._chat),
            Kind.AGAIN: (5, self._again),
            Kind.POISON: (1, self._poison),
            Kind.TRACK: (8, self._track),
            Kind.CREATE: (12, self._create),
            Kind.UPDATE: (10, self._update),
            Kind.DELETE: (2, self._delete),
            Kind.READ: (6, self._read),
            Kind.IDENTIFY: (5, self._identify),
            Kind.NOTE: (11, self._note),
            Kind.EDIT_NOTE: (5, self._edit_note),
            Kind.DELETE_NOTE: (4, self._delete_note),
            Kind.ACT: (8, self._act),
        }

    def __iter__(self) -> Iterator[Operation]:
        kinds, weights = list(self._choices), [weight for weight, _ in self._choices.values()]
        while True:
            [kind] = self._dice.choices(kinds, weights)
            operation = self._choices[kind][1]()
            if operation is not None:
                if kind in (Kind.VISIT, Kind.MAIL, Kind.CHAT):
                    self._produced.append(operation.serial)
                yield operation

    # --- sources ----------------------------------------------------------------------------------------------------

    def _visit(self) -> Operation:
        person = self._anybody()
        if person.identified and self._dice.random() < 0.3:
            return self._visit_logged_in(person)
        if person.devices < _MOST_DEVICES and self._dice.random() < 0.1:
            person.devices += 1
        return self._operation(Kind.VISIT, person.name, device=self._dice.randrange(person.devices), login=False)

    def _visit_logged_in(self, person: _Person) -> Operation:
        """From a device that nobody but the consumer makes the contact's: at its first visit, which is a login."""
        if not person.logged_in or self._dice.random() < 0.5:
            person.logged_in.append(_FIRST_LOGGED_IN + len(person.logged_in))
            return self._operation(Kind.VISIT, person.name, device=person.logged_in[-1], login=True)
        return self._operation(Kind.VISIT, person.name, device=self._dice.choice(person.logged_in), login=False)

    def _track(self) -> Operation:
        person = self._anybody()
        return self._operation(Kind.TRACK, person.name, device=self._dice.randrange(person.devices))

    def _mail(self) -> Operation:
        inbound, copied = self._dice.random() < 0.6, self._dice.random() < 0.2
        return self._operation(Kind.MAIL, self._anybody().name, inbound=inbound, copied=copied)

    def _chat(self) -> Operation:
        person = self._anybody()
        if person.chat is None:
            person.chat = self._serial
            person.chat_known = self._dice.random() < 0.5
            return self._operation(Kind.CHAT, person.name, chat=person.chat, step="created", known=person.chat_known)
        if not person.chat_known and self._dice.random() < 0.4:
            person.chat_known = True
            return self._operation(Kind.CHAT, person.name, chat=person.chat, step="contact", known=True)
        step = self._dice.choice(["user", "user", "admin", "admin", "note"])
        return self._operation(Kind.CHAT, person.name, chat=person.chat, step=step, known=person.chat_known)

    def _again(self) -> Operation | None:
        if not self._produced:
            return None
        return self._operation(Kind.AGAIN, "", of=self._dice.choice(self._produced[-50:]))

    def _poison(self) -> Operation:
        return self._operation(Kind.POISON, "", source=self._dice.choice(["tracker", "gmail", "intercom"]))

    # --- the API ----------------------------------------------------------------------------------------------------

    def _create(self) -> Operation | None:
        person = self._one(lambda one: not one.contact)
        if person is None:
            return None
        person.contact, person.bound = True, 1
        return self._operation(Kind.CREATE, person.name)

    def _update(self) -> Operation | None:
        person = self._contact()
        if person is None:
            return None
        properties: dict[str, Any] = {"city": f"city {self._client}-{self._serial}"}
        if self._dice.random() < 0.3:
            properties |= {f"free_{self._dice.randrange(5)}": self._dice.choice([None, 1, True, ["a", {"b": 2.5}]])}
        if self._dice.random() < 0.2:
            properties["lifecyclestage"] = self._next_stage(person)
        return self._operation(Kind.UPDATE, person.name, properties=properties)

    def _identify(self) -> Operation | None:
        person = self._contact()
        if person is None:
            return None
        device = person.bound if person.bound < person.devices else None
        person.bound += device is not None
        person.identified = True
        return self._operation(Kind.IDENTIFY, person.name, device=device)

    def _note(self) -> Operation | None:
        if self._dice.random() < 0.25:
            return self._operation(Kind.NOTE, BUSY)
        person = self._contact()
        if person is None:
            return None
        person.notes.append((self._serial, False))
        return self._operation(Kind.NOTE, person.name)

    def _edit_note(self) -> Operation | None:
        # Each once: an edit that was given up by its client, and arrives late all the same, then changes nothing.
        person = self._one(lambda one: any(not edited for _, edited in one.notes))
        if person is None:
            return None
        note = self._dice.choice([serial for serial, edited in person.notes if not edited])
        person.notes = [(serial, edited or serial == note) for serial, edited in person.notes]
        return self._operation(Kind.EDIT_NOTE, person.name, note=note)

    def _delete_note(self) -> Operation | None:
        person = self._one(lambda one: bool(one.notes))
        if person is None:
            return None
        note, _ = person.notes.pop(self._dice.randrange(len(person.notes)))
        return self._operation(Kind.DELETE_NOTE, person.name, note=note)

    def _act(self) -> Operation | None:
        person = self._contact()
        if person is None:
            return None
        act = self._dice.choice(["update_lifecycle_stage", "update_contact", "create_note", "enrich_contact"])
        stage = {"stage": self._next_stage(person)} if act == "update_lifecycle_stage" else {}
        return self._operation(Kind.ACT, person.name, act=act, **stage)

    def _read(self) -> Operation | None:
        person = self._contact()
        return None if person is None else self._operation(Kind.READ, person.name)

    def _delete(self) -> Operation | None:
        person = self._contact()
        if person is None:
            return None
        self._people.remove(person)  # nothing is told of them any more
        return self._operation(Kind.DELETE, person.name)

    # --- who --------------------------------------------------------------------------------------------------------

    def _anybody(self) -> _Person:
        """Somebody known, or somebody new."""
        if not self._people or self._dice.random() < 0.15:
            self._people.append(_Person(f"c{self._client}-{self._met}"))
            self._met += 1
            return self._people[-1]
        return self._dice.choice(self._people)

    def _contact(self) -> _Person | None:
        return self._one(lambda one: one.contact)

    def _one(self, fits: Callable[[_Person], bool]) -> _Person | None:
        fitting = [one for one in self._people if fits(one)]
        return self._dice.choice(fitting) if fitting else None

    def _next_stage(self, person: _Person) -> str:
        person.stage = self._dice.choice([stage for stage in _STAGES if stage != person.stage])
        return person.stage

    def _operation(self, kind: Kind, person: str, **told: Any) -> Operation:
        operation = Operation(kind, self._client, self._serial, person, told)
        self._serial += 1
        return operation
