"""Execute actions: changes that are kept with who, when, why, before and after. All in the change's own transaction."""

from dataclasses import replace
from typing import Any

from schemas.actions import (
    ActionStatus,
    CreateNoteAction,
    EnrichContactAction,
    ExecuteAction,
    UpdateLifecycleStageAction,
)
from schemas.changes import ChangeType
from schemas.contacts import UpdateContact
from service.actions.model import Action
from service.actions.view import action_object
from service.clock import Clock
from service.contacts.changes import Change
from service.contacts.context import Caller, remember
from service.contacts.edit import ContactEditor, Edit
from service.contacts.merge import LIFECYCLE_STAGE, Merged, changed_keys
from service.ids import new_action_id
from service.notes.write import add_note, note_change
from service.ports import Session


class ActionExecutor:
    """The use-case behind `POST /v1/actions`."""

    def __init__(self, edit: ContactEditor, clock: Clock) -> None:
        self._edit = edit
        self._clock = clock

    async def __call__(self, caller: Caller, wanted: ExecuteAction) -> Action:
        """Execute it at once. What is refused (an unknown contact, a taken address) is raised, and no action is kept.

        Raises what updating a contact raises.
        """
        done: list[Action] = []

        async def also(session: Session, merged: Merged) -> list[Change]:
            changes, before, after = await self._beside(session, caller, wanted, merged)
            action = self._action(caller, wanted, before, after)
            done[:] = [action]
            await session.actions.insert(action)
            await remember(session, caller, action)
            told = {"action_id": action.action_id, "type": action.type}
            return [*changes, Change(ChangeType.ACTION_COMPLETED, told, {"action": action_object(action)})]

        # The action is what the answer is made of, so `also` remembers it, and the edit must not.
        quiet = replace(caller, once=None)
        await self._edit(quiet, wanted.params.contact_id, _edit_of(wanted), also)
        return done[0]

    async def _beside(
        self, session: Session, caller: Caller, wanted: ExecuteAction, merged: Merged
    ) -> tuple[list[Change], dict[str, Any], dict[str, Any]]:
        """More changes than the edit's, and what is different before and after."""
        if isinstance(wanted, CreateNoteAction):
            contact_id, content = wanted.params.contact_id, wanted.params.content
            note = await add_note(session, caller, contact_id, content, self._clock())
            return [note_change(ChangeType.NOTE_CREATED, note)], {}, {"note_id": note.note_id}
        changed = changed_keys(merged.before, merged.contact)
        before = {key: values["before"] for key, values in changed.items()}
        return [], before, {key: values["after"] for key, values in changed.items()}

    def _action(self, caller: Caller, wanted: ExecuteAction, before: dict[str, Any], after: dict[str, Any]) -> Action:
        now = self._clock()
        return Action(
            action_id=new_action_id(),
            tenant_id=caller.tenant_id,
            type=wanted.type,
            contact_id=wanted.params.contact_id,
            params=wanted.params.model_dump(mode="json", exclude_unset=True),
            status=ActionStatus.COMPLETED.value,
            description=wanted.description,
            reason=wanted.params.reason,
            identity_id=wanted.identity_id,
            created_by=caller.actor,
            created_at=now,
            completed_at=now,
            before=before,
            after=after,
        )


def summary_of(action: Action) -> str:
    """One line for a person; no values that a log should not hold."""
    changed = ", ".join(sorted(action.after)) or "nothing"
    return f"{action.type} on {action.contact_id}: {changed} changed."


def _edit_of(wanted: ExecuteAction) -> Edit:
    reason = wanted.params.reason
    if isinstance(wanted, CreateNoteAction):
        return Edit(UpdateContact(), reason=reason)
    if isinstance(wanted, UpdateLifecycleStageAction):
        properties = {LIFECYCLE_STAGE: wanted.params.lifecycle_stage.value}
        return Edit(UpdateContact(properties=properties), reason=reason)
    if isinstance(wanted, EnrichContactAction):
        return Edit(wanted.params, reason=reason, enriched_by=wanted.params.provider)
    return Edit(wanted.params, reason=reason)
