"""Dead letters that are sent again: what is known of each."""

from enum import StrEnum


class Claim(StrEnum):
    """What a run learns of a letter that it wants to send."""

    OURS = "ours"
    """This run may send it, and no other does meanwhile."""
    SENT = "sent"
    """It has been sent again already."""
    HELD = "held"
    """Another run has it in hand, or died with it in hand less than a lease ago."""
