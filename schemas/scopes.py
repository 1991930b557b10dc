"""What an API key may do."""

from enum import StrEnum


class Scope(StrEnum):
    """One permission; every route names exactly one."""

    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    CONTACTS_ERASE = "contacts:erase"
    EVENTS_READ = "events:read"
    ACTIONS_READ = "actions:read"
    ACTIONS_WRITE = "actions:write"
    TRACK_WRITE = "track:write"
