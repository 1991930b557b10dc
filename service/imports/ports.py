"""What imports need from a store."""

from typing import Protocol

from service.imports.model import ImportKey, ImportProgress


class Imports(Protocol):
    """How far each import is."""

    async def load(self, key: ImportKey) -> ImportProgress | None:
        """None where nothing of it is done."""
        ...

    async def advance(self, key: ImportKey, behind: int, progress: ImportProgress) -> None:
        """Within the transaction that has done the rows: from `behind` rows on. Raises ImportMovedError."""
        ...

    async def forget(self, key: ImportKey) -> None: ...
