"""Python's collector of what holds itself."""

import gc

_COLLECT_AFTER = 20_000
"""New objects between two collections, some MB; by default 700."""


def spare_the_collector() -> None:
    """Look seldom, and never again through what was imported. Call it when a process is about to begin its work.

    A batch, or a page, is thousands of objects that live for one transaction or answer, and none is part of a circle:
    looking through them took a seventh of a consumer's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
