"""What lists show while an erasure is under way: places without anything in them, so that pages stay as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.actions.model import Action
from service.identity.model import Identity
from service.ports import Store
from service.timeline.model import TimelineEvent


@dataclass(frozen=True, slots=True)
class Hidden:
    """Whose events and actions are not shown any more, though they may still be there."""

    contact_ids: frozenset[str]
    identities: frozenset[Identity]

    def has(self, action: Action) -> bool:
        """Whether an action is on somebody who is being erased."""
        return action.contact_id in self.contact_ids

    def events(self, events: Sequence[TimelineEvent]) -> list[TimelineEvent]:
        """The events, with nothing in those of somebody who is being erased."""
        return [_empty_event(one) if self._hides(one) else one for one in events]

    def actions(self, actions: Sequence[Action]) -> list[Action]:
        """The actions, likewise."""
        return [_empty_action(one) if self.has(one) else one for one in actions]

    def _hides(self, event: TimelineEvent) -> bool:
        return event.contact_id in self.contact_ids or not self.identities.isdisjoint(event.identities)


async def hidden_in(store: Store, tenant_id: str) -> Hidden:
    """One read, nearly always of nothing."""
    subjects = [one.subject for one in await store.erasures.under_way(tenant_id)]
    return Hidden(
        frozenset(one for subject in subjects for one in subject.contact_ids),
        frozenset(one for subject in subjects for one in subject.identities),
    )


def _empty_event(event: TimelineEvent) -> TimelineEvent:
    return replace(event, data={}, url=None, domain=None, visitor_id=None, session_id=None, contact_id=None)


def _empty_action(action: Action) -> Action:
    nothing: dict[str, object] = {}
    return replace(
        action, params=nothing, description=None, reason=None, identity_id=None, before=nothing, after=nothing
    )
