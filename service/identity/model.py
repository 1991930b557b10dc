"""Identities: what a person is known by."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class IdentityKind(StrEnum):
    """How somebody is known."""

    EMAIL = "email"
    VISITOR = "visitor"
    EXTERNAL = "external"


class Identity(NamedTuple):
    """One identity within one tenant. The registry maps it to at most one contact.

    A tuple, since ingestion hashes and compares some for every event.
    """

    tenant_id: str
    kind: IdentityKind
    value: str


@dataclass(frozen=True, slots=True)
class Association:
    """An identity given to a contact, with the task of linking what was stored under it before (design, decision 4)."""

    identity: Identity
    contact_id: str
    link_task: str
