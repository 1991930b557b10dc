"""What an update does to a contact: pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from schemas.changes import ChangeType
from schemas.contacts import MAX_CONTACT_BYTES, MAX_PROPERTIES, MAX_VISITOR_IDS, UpdateContact
from service.contacts.changes import Change
from service.contacts.model import Contact
from service.contacts.view import contact_object
from service.errors import ContactTooLargeError, TooManyVisitorIdsError
from service.identity.model import Identity, IdentityKind

LIFECYCLE_STAGE = "lifecyclestage"


@dataclass(frozen=True, slots=True)
class Merged:
    """The contact after the update, what changed, and the identities that it gains and gives up."""

    before: Contact
    contact: Contact
    changes: tuple[Change, ...]
    gained: tuple[Identity, ...]
    freed: tuple[Identity, ...]


def merge(
    contact: Contact,
    wanted: UpdateContact,
    now: datetime,
    enriched_by: str | None = None,
    reason: str | None = None,
    external_ids: Sequence[Identity] = (),
) -> Merged:
    """Properties key by key (None removes), visitor ids added, never removed, the company replaced (None removes).
    `enriched_by` is the provider whose finding this is: it turns the contact `enriched`.

    `version` goes up by one if anything changed, `sequence` by one for each change. Raises ContactTooLargeError,
    TooManyVisitorIdsError.
    """
    updated = _with(contact, wanted)
    if enriched_by is not None:
        updated = replace(updated, enrichment_status="enriched", enriched_at=now, enriched_by=enriched_by)
    new_visitors = updated.visitor_ids[len(contact.visitor_ids) :]
    gained = [*(Identity(contact.tenant_id, IdentityKind.VISITOR, one) for one in new_visitors), *external_ids]
    if _same(contact, updated) and not gained:
        return Merged(contact, contact, (), (), ())
    kinds = _kinds_of_change(contact, updated, gained)
    updated = replace(
        updated,
        updated_at=now,
        committed_at=max(now, contact.committed_at),
        version=contact.version + 1,
        sequence=contact.sequence + len(kinds),
    )
    _check_limits(updated)
    changes = tuple(_change(kind, identity, contact, updated, reason) for kind, identity in kinds)
    if updated.email == contact.email:
        return Merged(contact, updated, changes, tuple(gained), ())
    old, new = (Identity(contact.tenant_id, IdentityKind.EMAIL, one.email) for one in (contact, updated))
    return Merged(contact, updated, changes, (new, *gained), (old,))


def _with(contact: Contact, wanted: UpdateContact) -> Contact:
    """The contact with what is wanted, and nothing counted."""
    properties = {**contact.properties, **{key: value for key, value in wanted.properties.items() if key != "email"}}
    return replace(
        contact,
        email=wanted.properties.get("email", contact.email),
        properties={key: value for key, value in properties.items() if value is not None},
        visitor_ids=(*contact.visitor_ids, *(one for one in wanted.visitor_id if one not in contact.visitor_ids)),
        company_ids=companies_of(wanted.company_id) if "company_id" in wanted.model_fields_set else contact.company_ids,
    )


def companies_of(company_id: str | None) -> tuple[str, ...]:
    """A contact's companies, as a body names them: one, or none."""
    return () if company_id is None else (company_id,)


def changed_keys(before: Contact, after: Contact) -> dict[str, dict[str, Any]]:
    """What differs, by property (or field), with both values."""
    # Not all at once: a property may have a field's name.
    return _differing(before.properties, after.properties) | _differing(_fields(before), _fields(after))


def _differing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, dict[str, Any]]:
    keys = [key for key in {**old, **new} if not _same_json(old.get(key), new.get(key))]
    return {key: {"before": old.get(key), "after": new.get(key)} for key in keys}


def _same(before: Contact, after: Contact) -> bool:
    return before == after and _same_json(before.properties, after.properties)


def _same_json(one: Any, other: Any) -> bool:
    """Alone, `==` would take `true`, `1` and `1.0` for the same."""
    return one == other and _json(one) == _json(other)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _fields(contact: Contact) -> dict[str, Any]:
    return {
        "email": contact.email,
        "associations.companies": list(contact.company_ids),
        "enrichment_status": contact.enrichment_status,
    }


def _kinds_of_change(
    before: Contact, after: Contact, gained: Sequence[Identity]
) -> list[tuple[ChangeType, Identity | None]]:
    kinds: list[tuple[ChangeType, Identity | None]] = []
    if not _same(before, replace(after, visitor_ids=before.visitor_ids)):
        kinds.append((ChangeType.CONTACT_UPDATED, None))
    if before.properties.get(LIFECYCLE_STAGE) != after.properties.get(LIFECYCLE_STAGE):
        kinds.append((ChangeType.CONTACT_LIFECYCLE_STAGE_CHANGED, None))
    return kinds + [(ChangeType.CONTACT_IDENTITY_LINKED, identity) for identity in gained]


def _change(kind: ChangeType, identity: Identity | None, before: Contact, after: Contact, reason: str | None) -> Change:
    whole = {"contact": contact_object(after, None)}
    if identity is not None:
        told = {"kind": identity.kind.value, "value": identity.value}
        return Change(kind, told, {"identity": told, **whole})
    if kind is ChangeType.CONTACT_LIFECYCLE_STAGE_CHANGED:
        stages = {"before": before.properties.get(LIFECYCLE_STAGE), "after": after.properties.get(LIFECYCLE_STAGE)}
        return Change(kind, {**stages, "reason": reason}, {**stages, "reason": reason, **whole})
    changed = changed_keys(before, after)
    return Change(kind, {"changed": sorted(changed)}, {"changed": changed, **whole})


def _check_limits(contact: Contact) -> None:
    if len(contact.visitor_ids) > MAX_VISITOR_IDS:
        raise TooManyVisitorIdsError
    if len(contact.properties) > MAX_PROPERTIES:
        raise ContactTooLargeError
    if len(orjson.dumps(contact_object(contact, None))) > MAX_CONTACT_BYTES:
        raise ContactTooLargeError
