"""Import rows in batches, one transaction each, which also keeps how far the import is: wherever it is cut off, it ends
the same once it is given again."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from service.clock import Clock
from service.contacts.context import Caller
from service.contacts.plan import Fate, Result
from service.contacts.upsert import ContactUpserter
from service.errors import ContactsError, ContendedError, RefusedDocumentError
from service.imports.model import ImportKey, ImportProgress, Row, RowFault
from service.ports import Session, Store

BATCH_ROWS = 250
"""Few enough for a slow machine to commit them well within a transaction's deadline."""
_BATCH_BYTES = 2 * 1024 * 1024
_TRIES_ALONE = 5

Rows = Callable[[int], Iterator[Row]]
"""The rows behind the first so many."""
Told = Callable[[ImportProgress], None]
Explain = Callable[[ContactsError], str]
"""A sentence for why a contact was refused."""


class ContactImporter:
    """The use-case behind `pathbound import`."""

    def __init__(self, store: Store, upsert: ContactUpserter, clock: Clock, explain: Explain) -> None:
        self._store = store
        self._upsert = upsert
        self._clock = clock
        self._explain = explain

    async def started(self, key: ImportKey) -> ImportProgress | None:
        """How far it is, if any of it is done."""
        return await self._store.imports.load(key)

    async def start_over(self, key: ImportKey) -> None:
        """Forget how far it is."""
        await self._store.imports.forget(key)

    async def __call__(self, key: ImportKey, caller: Caller, rows: Rows, told: Told, stop: asyncio.Event) -> bool:
        """Go on where it is, and tell how far after each batch's commit. False if it was stopped before the end.

        Raises ImportMovedError, StoreError's kinds, and what reading the rows raises.
        """
        progress = await self._store.imports.load(key) or ImportProgress()
        batches = _batches(rows(progress.rows))
        # The next batch is read and validated while MongoDB works on this one.
        reading = asyncio.create_task(asyncio.to_thread(next, batches, None))
        while batch := await reading:
            reading = asyncio.create_task(asyncio.to_thread(next, batches, None))
            try:
                progress = await self._store_batch(key, caller, progress, batch, told)
            except BaseException:
                await asyncio.wait([reading])
                raise
            if stop.is_set():
                await asyncio.wait([reading])
                return False
        finished = replace(progress, finished_at=self._clock(), faults=(), last_from=progress.rows)
        await self._store.imports.advance(key, progress.rows, finished)
        return True

    async def preview(self, caller: Caller, rows: Rows, told: Told, stop: asyncio.Event) -> bool:
        """What an import would do now. Nothing is written, so that a batch does not see the batches before it."""
        progress = ImportProgress()
        for batch in _batches(rows(0)):
            results = await self._upsert.preview(caller, [row.wanted for row in batch if row.wanted])
            progress = self._after(progress, batch, results)
            told(progress)
            if stop.is_set():
                return False
        return True

    async def _store_batch(
        self, key: ImportKey, caller: Caller, progress: ImportProgress, batch: Sequence[Row], told: Told
    ) -> ImportProgress:
        after = progress

        async def also(session: Session, results: list[Result]) -> None:
            nonlocal after
            after = self._after(progress, batch, results)
            await session.imports.advance(key, progress.rows, after)

        for tried in range(_TRIES_ALONE):
            try:
                await self._upsert(caller, [row.wanted for row in batch if row.wanted], also)
            except (RefusedDocumentError, ContendedError) as error:
                if len(batch) > 1:
                    half = len(batch) // 2
                    middle = await self._store_batch(key, caller, progress, batch[:half], told)
                    return await self._store_batch(key, caller, middle, batch[half:], told)
                if isinstance(error, RefusedDocumentError):
                    batch = [batch[0]._replace(wanted=None, reasons=(self._explain(error),))]
                elif tried == _TRIES_ALONE - 1:
                    raise
            else:
                told(after)
                return after
        raise ContendedError

    def _after(self, progress: ImportProgress, batch: Sequence[Row], results: Sequence[Result]) -> ImportProgress:
        left = iter(results)
        whole = [next(left) if row.wanted else Result(Fate.REFUSED) for row in batch]
        counts = {str(fate): sum(one.fate is fate for one in whole) for fate in Fate}
        faults = [
            RowFault(row.line, row.reasons or ((self._explain(one.error),) if one.error else ()))
            for row, one in zip(batch, whole, strict=True)
            if one.fate is Fate.REFUSED
        ]
        return ImportProgress(
            rows=progress.rows + len(batch),
            **{name: getattr(progress, name) + count for name, count in counts.items()},
            last_from=progress.rows,
            faults=tuple(faults),
        )


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.size
        if len(batch) == BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
