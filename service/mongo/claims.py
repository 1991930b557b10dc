"""Claims: a run that has something in hand says so for a minute at a time, on the server's clock. One that died, or was
killed, keeps others waiting no longer than that."""

from service.mongo.documents import Document

LEASE_SECONDS = 60


def lapsed() -> Document:
    """An expression: whether the claim of `claimed_at` has lapsed, or there is none."""
    # A field that is not there sorts before every date.
    return {"$lte": ["$claimed_at", {"$subtract": ["$$NOW", LEASE_SECONDS * 1000]}]}


def claimed_at(free: Document) -> Document:
    """An expression: the claim's date after somebody asked for it; `free` says whether it could be had. One of later
    than now was made before the server's clock was set back: it is dated by whoever asks in vain, and so lapses in
    time."""
    return {"$cond": [free, "$$NOW", {"$min": ["$claimed_at", "$$NOW"]}]}
