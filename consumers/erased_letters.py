"""Whether a dead letter tells of somebody who was erased: its bytes cannot be removed, but they need not be shown.

What could not be read as a record is searched for anything that a person may be known by; a mark is found by trying.
"""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from consumers.runtime.letters import Letter
from consumers.runtime.records import legible_tenant
from schemas.events import Source
from schemas.positions import Position
from schemas.timestamps import read_instant
from service.conversations.incoming import PersonKey
from service.erasure.guard import ErasureGuard
from service.erasure.model import Handle, email_handle, handle_of, handle_of_person
from service.identity.model import Identity, IdentityKind
from service.ports import Store

_PART = r"[^\s\"'<>(),;:\\\[\]{}@]"
# From the beginning of a part only: what is long and no address is gone through once, not once for each character.
_ADDRESS = re.compile(rf"(?<!{_PART}){_PART}++@{_PART}+")
_NAMED = re.compile(r'"(visitorId|external_contact_id|id)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')


class ErasedLetters:
    """Asks the store."""

    def __init__(self, store: Store, guard: ErasureGuard) -> None:
        self._store = store
        self._guard = guard

    async def among(self, letters: Sequence[Letter]) -> set[Position]:
        """Those that tell of somebody who was erased. Raises StoreError's kinds, ErasureSecretError."""
        await self._guard.check(self._store)
        tenants = await self._store.marks.tenants() if letters else []
        found = [(letter, list(_handles(letter, tenants))) for letter in letters]
        erased = await self._guard.find(self._store, {handle for _, handles in found for handle in handles})
        return {
            letter.position
            for letter, handles in found
            if any(erased.has(handle, at := _first_received(letter), at) for handle in handles)
        }


def _handles(letter: Letter, tenants: Sequence[str]) -> Iterable[Handle]:
    """All that may name a person in it; in every tenant, where the letter does not say legibly whose it is."""
    told = legible_tenant(letter.value)
    text = (letter.value or b"").decode("utf-8", "replace")
    addresses = {found.strip(".").lower() for found in _ADDRESS.findall(text)}
    named = {(name, _plain(value)) for name, value in _NAMED.findall(text)}
    named.add(("visitorId", (letter.key or b"").decode("utf-8", "replace")))
    for tenant_id in [told] if told is not None else tenants:
        yield from (email_handle(tenant_id, one) for one in addresses)
        for name, value in named:
            if name == "id":
                yield handle_of_person(PersonKey(tenant_id, Source.INTERCOM, value))
            else:
                kind = IdentityKind.VISITOR if name == "visitorId" else IdentityKind.EXTERNAL
                yield handle_of(Identity(tenant_id, kind, value.strip()))


def _plain(literal: str) -> str:
    """A JSON string or number as text; as it is, where it is none."""
    with suppress(ValueError):
        return str(json.loads(literal))
    return literal.strip('"')


def _first_received(letter: Letter) -> datetime:
    told = letter.told("original-timestamp")
    with suppress(ValueError):
        if told:
            return min(letter.at, read_instant(told))
    return letter.at
