"""What can go wrong with the local stack.

Exception
├── StackError        one clear sentence: what happened, and what to do
│   └── ProcessDied   a program ended that should have gone on
├── Unavailable       one way to get a server cannot be taken here; the next one is tried
└── StackStopped      the caller asked to stop while something was starting: not a failure
"""

import errno
from pathlib import Path

NO_SPACE = "No space left on device"


class StackError(Exception):
    """The local stack cannot start or go on. The message is meant for a person; no traceback is needed."""


class ProcessDied(StackError):  # noqa: N818 - says what happened
    """A program that should be running has ended. The message holds its exit status and its last log lines."""


class Unavailable(Exception):  # noqa: N818 - it leads to the next rung of the ladder
    """This way to get a server cannot be taken on this machine. The message says why, as a clause."""


class StackStopped(Exception):  # noqa: N818 - it is no error
    """Start-up was abandoned because a stop was asked for."""


def explain(error: OSError, doing: str, where: Path) -> StackError:
    """Turns an operating-system error met while `doing` something in `where` into a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StackError(
            f"{doing} failed: the disk that holds {where} is full. Free some space or choose another directory."
        )
    reason = error.strerror or str(error)
    return StackError(f"{doing} failed in {where}: {reason}.")
