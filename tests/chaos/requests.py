"""The request of an operation on the API."""

from typing import Any, NamedTuple

from tests.chaos.expected import (
    ExpectedContact,
    acted_properties,
    created_properties,
    identified_traits,
    note_name,
    note_text,
)
from tests.chaos.operations import Kind, Operation
from tests.chaos.sources import email_of, external_of, visit_of, visitor_of


class Request(NamedTuple):
    """What to ask, which answer is success, and which one says that an earlier request for the same has succeeded.

    POSTs are told apart by their Idempotency-Key. An update and a deletion name the version that they are meant for, so
    that one which its client has given up, and which arrives late, is refused. `version` is the least that it can be.
    """

    method: str
    path: str
    body: Any
    success: int
    done_before: int | None = None
    version: int | None = None


def request_of(operation: Operation, person: ExpectedContact) -> Request:
    """`person` as its contact is expected to be now."""
    told, contact = operation.told, f"/v1/contacts/{person.contact_id}"
    match operation.kind:
        case Kind.TRACK:
            return Request("POST", "/v1/track", {"events": [visit_of(operation)]}, 202)
        case Kind.CREATE:
            body = {"email": email_of(operation.person), "properties": created_properties(operation)}
            device = {"visitor_id": visitor_of(operation.person, 0)}
            return Request("POST", "/v1/contacts", body | device, 201)
        case Kind.UPDATE:
            return Request("PUT", contact, {"properties": told["properties"]}, 200, version=person.version)
        case Kind.READ:
            return Request("GET", contact, None, 200)
        case Kind.IDENTIFY:
            return Request("POST", "/v1/identify", _identity(operation), 200)
        case Kind.NOTE:
            return Request("POST", f"{contact}/notes", {"content": note_text(operation)}, 201)
        case Kind.EDIT_NOTE:
            path = f"{contact}/notes/{person.note_ids[note_name(operation)]}"
            return Request("PATCH", path, {"content": note_text(operation)}, 200)
        case Kind.DELETE_NOTE:
            return Request("DELETE", f"{contact}/notes/{person.note_ids[note_name(operation)]}", None, 200, 404)
        case Kind.ACT:
            return Request("POST", "/v1/actions", _action(operation, person), 201)
        case _:
            assert operation.kind is Kind.DELETE
            return Request("DELETE", contact, None, 200, 404, person.version)


def _identity(operation: Operation) -> dict[str, Any]:
    traits = {"email": email_of(operation.person), **identified_traits(operation)}
    device = operation.told["device"]
    browser = {} if device is None else {"anonymous_id": visitor_of(operation.person, device)}
    return {"external_id": external_of(operation.person), "traits": traits, **browser}


def _action(operation: Operation, person: ExpectedContact) -> dict[str, Any]:
    act = operation.told["act"]
    params: dict[str, dict[str, Any]] = {
        "update_lifecycle_stage": {"lifecycle_stage": operation.told.get("stage"), "reason": "asked for"},
        "update_contact": {"properties": acted_properties(operation)},
        "create_note": {"content": note_text(operation)},
        "enrich_contact": {"provider": "acme", "properties": acted_properties(operation)},
    }
    return {"type": act, "params": {"contact_id": person.contact_id, **params[act]}}
