"""Actions as clients see them."""

from typing import Any

from schemas.timestamps import iso_millis
from service.actions.model import Action


def action_object(action: Action) -> dict[str, Any]:
    """The fields of `schemas.actions.Action`, ready for JSON."""
    return {
        "action_id": action.action_id,
        "type": action.type,
        "params": action.params,
        "status": action.status,
        "description": action.description,
        "reason": action.reason,
        "identity_id": action.identity_id,
        "created_by": action.created_by,
        "created_at": iso_millis(action.created_at),
        "completed_at": iso_millis(action.completed_at),
        "before": action.before,
        "after": action.after,
    }
