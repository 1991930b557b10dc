"""Actions as the core knows them: changes that are kept with who, when and why."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Action:
    """One executed action. `before` and `after` hold what it changed, by field."""

    action_id: str
    tenant_id: str
    type: str
    contact_id: str
    params: dict[str, Any]
    status: str
    description: str | None
    reason: str | None
    identity_id: str | None
    created_by: str | None
    created_at: datetime
    completed_at: datetime
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionQuery:
    """A tenant's actions, newest first: `limit` of them behind `offset` others, or behind a (created_at, action_id)."""

    tenant_id: str
    contact_id: str | None = None
    type: str | None = None
    status: str | None = None
    limit: int = 20
    offset: int = 0
    behind: tuple[datetime, str] | None = None
