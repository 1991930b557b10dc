"""Resident memory of each process."""

from tests.benchmarks.figures import Figure, Mark
from tests.benchmarks.system import API

_MB = 1_000_000


def figures(resident: dict[str, int], when: str) -> list[Figure]:
    """One for each process. 1 MB is 10^6 bytes."""
    mark = Mark(130, "value", "at most")
    return [
        Figure(f"memory of {title}, {when}", size / _MB, "MB", mark=mark if title == API else None)
        for title, size in sorted(resident.items())
    ]
