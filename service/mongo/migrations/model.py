"""What a migration is.

Forward only: there is no way back but a backup. Idempotent: it may be killed anywhere and is then begun anew, so it
does only what is still to be done. Additive: the version before may go on reading and writing while it runs, and after
it, so what that version needs is left in place; a later migration may remove it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.mongo.store import MongoStore

Told = Callable[[str], None]
"""Takes a line for people about how far it is."""


@dataclass(frozen=True, slots=True)
class Migration:
    """`version` counts from 1 without gaps. Processes that know no migration as late as `usable_from` must not work on
    a database that has this one: 0 lets all earlier versions go on."""

    version: int
    name: str
    run: Callable[[MongoStore, Told], Awaitable[None]]
    usable_from: int = 0
