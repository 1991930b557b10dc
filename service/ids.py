"""Ids made at the edge: a prefix that names the kind, and a ULID (time-ordered, 80 random bits)."""

import secrets

from ulid import ULID


def new_contact_id() -> str:
    """`ct_` + ULID."""
    return f"ct_{ULID()}"


def new_event_id() -> str:
    """`evt_` + ULID: for our own changes; events from sources have ids made of their content."""
    return f"evt_{ULID()}"


def new_note_id() -> str:
    """`nt_` + ULID."""
    return f"nt_{ULID()}"


def new_action_id() -> str:
    """`act_` + ULID."""
    return f"act_{ULID()}"


def new_link_task() -> str:
    """A link task's token. ULIDs sort by time, so the sweep can ask for those older than a moment."""
    return str(ULID())


def new_traceparent() -> str:
    """A W3C trace context for what nobody traces: new ids, not sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def new_run() -> str:
    """Names one attempt at something that is done again if it fails."""
    return str(ULID())


def new_request_id() -> str:
    """`req_` + ULID."""
    return f"req_{ULID()}"


def new_erasure_id() -> str:
    """`er_` + ULID."""
    return f"er_{ULID()}"
