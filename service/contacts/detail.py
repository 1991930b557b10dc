"""A contact with what belongs beside it."""

from dataclasses import dataclass

from service.actions.model import Action
from service.contacts.model import Contact
from service.profile.model import Profile
from service.timeline.model import TimelineEvent


@dataclass(frozen=True, slots=True)
class ContactDetail:
    """A contact, its figures, its newest actions and its newest events: None where they may be too heavy to be held at
    once, and its timeline has them."""

    contact: Contact
    profile: Profile | None
    actions: list[Action]
    events: list[TimelineEvent] | None
