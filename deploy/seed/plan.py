"""How much is seeded, and from what chance: the same plan gives the same data, on any machine."""

import base64
import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random

import orjson

from schemas.timestamps import EPOCH

PORTION = 500
"""Contacts in a portion: each is made alone, and stored in one transaction."""
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
"""The first contact's creation."""
LAST = datetime(2026, 10, 31, tzinfo=UTC)
"""Nothing is later. Fixed, since a plan is to give the same data next year."""
_MILLISECOND = timedelta(milliseconds=1)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_SHIFTS = range(120, -1, -10)


@dataclass(frozen=True)
class SeedPlan:
    """`events` is their number over all contacts."""

    tenant_id: str
    contacts: int
    events: int
    seed: int

    @property
    def portions(self) -> int:
        """How many there are; the last one may be smaller."""
        return -(-self.contacts // PORTION)

    def numbers(self, portion: int) -> range:
        """The contacts of a portion, by number."""
        return range(portion * PORTION, min((portion + 1) * PORTION, self.contacts))

    def events_of(self, portion: int) -> int:
        """How many of the events are of this portion's contacts: shares that add up to all of them."""
        numbers = self.numbers(portion)
        return self.events * numbers.stop // self.contacts - self.events * numbers.start // self.contacts

    def chance(self, portion: int) -> Random:
        """What decides on a portion."""
        return Random(f"{self._key} {portion}")  # noqa: S311 - no secret

    def ulid(self, moment: datetime, name: str) -> str:
        """An id's ULID: its time is `moment`, the rest is made of the plan and `name`."""
        rest = hashlib.blake2b(name.encode(), key=self._digest, digest_size=10).digest()
        number = ((moment - EPOCH) // _MILLISECOND << 80) + int.from_bytes(rest)
        # Two digits at a time: `python-ulid` takes ten times as long.
        return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])

    @cached_property
    def tag(self) -> str:
        """Six letters and digits that are this plan's alone: its addresses and visitor ids are no other plan's."""
        return base64.b32encode(self._digest)[:6].decode().lower()

    @cached_property
    def _key(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(self._key.encode()).digest()
