"""What a batch of contacts comes to, each created or merged by its address, one after the other: pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.contacts import UpdateContact, UpsertContact
from service.contacts.changes import Change
from service.contacts.create import created, identities_of, new_contact
from service.contacts.merge import merge
from service.contacts.model import Contact
from service.errors import ContactsError, ContactTooLargeError, TooManyVisitorIdsError, VisitorIdTakenError
from service.identity.model import Association, Identity, IdentityKind
from service.ids import new_link_task

SOURCE = "import"
"""The `creation_source` of what is created in batches."""


class Fate(StrEnum):
    """What became of one of the batch."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """`error` says why it was refused: VisitorIdTakenError, TooManyVisitorIdsError, ContactTooLargeError,
    RefusedDocumentError."""

    fate: Fate
    error: ContactsError | None = None


@dataclass(slots=True)
class Written:
    """A contact as the batch leaves it, and what happened to it on the way, in order."""

    contact: Contact
    changes: list[Change]
    is_new: bool


@dataclass(slots=True)
class BatchPlan:
    """`results` are in the order of the batch, `written` is by contact id; `now` is when all of it happens."""

    now: datetime
    results: list[Result] = field(default_factory=list)
    written: dict[str, Written] = field(default_factory=dict)
    associations: list[Association] = field(default_factory=list)


def identities_in(tenant_id: str, wanted: Iterable[UpsertContact]) -> list[Identity]:
    """All that the batch names."""
    named = (Identity(tenant_id, *pair) for one in wanted for pair in _pairs(one))
    return list(dict.fromkeys(named))


def _pairs(wanted: UpsertContact) -> list[tuple[IdentityKind, str]]:
    return [(IdentityKind.EMAIL, wanted.email), *((IdentityKind.VISITOR, one) for one in wanted.visitor_id)]


class Planner:
    """Goes through a batch in order: who comes later sees what became of those before."""

    def __init__(
        self,
        tenant_id: str,
        owners: Mapping[Identity, str],
        contacts: Mapping[str, Contact],
        now: datetime,
        new_id: Callable[[], str],
    ) -> None:
        self._tenant_id = tenant_id
        self._owners = dict(owners)
        self._contacts = dict(contacts)
        self._now = now
        self._new_id = new_id

    def __call__(self, batch: Sequence[UpsertContact]) -> BatchPlan:
        """The plan; `owners` and `contacts` hold whatever there is of the identities that the batch names."""
        plan = BatchPlan(self._now)
        for wanted in batch:
            plan.results.append(self._planned(plan, wanted))
        return plan

    def _planned(self, plan: BatchPlan, wanted: UpsertContact) -> Result:
        owner = self._owners.get(Identity(self._tenant_id, IdentityKind.EMAIL, wanted.email))
        try:
            self._check_visitors(wanted, owner)
            return Result(self._create(plan, wanted) if owner is None else self._merge(plan, wanted, owner))
        except (VisitorIdTakenError, TooManyVisitorIdsError, ContactTooLargeError) as error:
            return Result(Fate.REFUSED, error)

    def _check_visitors(self, wanted: UpsertContact, owner: str | None) -> None:
        for value in wanted.visitor_id:
            has_it = self._owners.get(Identity(self._tenant_id, IdentityKind.VISITOR, value))
            if has_it not in (None, owner):
                raise VisitorIdTakenError(str(has_it))

    def _create(self, plan: BatchPlan, wanted: UpsertContact) -> Fate:
        contact = new_contact(self._tenant_id, wanted, self._new_id(), self._now, SOURCE)
        self._write(plan, Written(contact, [created(contact)], is_new=True), identities_of(contact))
        return Fate.CREATED

    def _merge(self, plan: BatchPlan, wanted: UpsertContact, owner: str) -> Fate:
        # Trusted: what is wanted was validated already.
        update = UpdateContact.model_construct(properties=wanted.properties, visitor_id=wanted.visitor_id)
        if wanted.company_id is not None:
            update.company_id = wanted.company_id
        merged = merge(self._contacts[owner], update, self._now)
        if not merged.changes:
            return Fate.UNCHANGED
        before = plan.written.get(owner)
        changes = [*(before.changes if before else ()), *merged.changes]
        is_new = before is not None and before.is_new
        self._write(plan, Written(merged.contact, changes, is_new=is_new), merged.gained)
        return Fate.UPDATED

    def _write(self, plan: BatchPlan, written: Written, gained: Iterable[Identity]) -> None:
        contact_id = written.contact.contact_id
        plan.written[contact_id] = written
        self._contacts[contact_id] = written.contact
        for identity in gained:
            self._owners[identity] = contact_id
            plan.associations.append(Association(identity, contact_id, new_link_task()))
