"""What consumers of conversations must have made of their topics: what one process makes of the same records alone."""

from collections import Counter
from collections.abc import Iterable

from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.runtime.records import to_record
from deploy.bootstrap import build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.ledger.model import Outcome
from service.mongo.store import MongoStore
from tests.support.conversation_state import state
from tests.support.relay import read_committed
from tests.support.running_system import TOPICS, System
from tests.support.source_records import TOLERANCE

NORMALISE = {"gmail": normalise_gmail, "intercom": normalise_intercom}
_AT_ONCE = 100


async def judge(system: System, reference: MongoStore, contacts: Iterable[str]) -> None:
    """Compare with `reference`, an empty store: each record of the topics goes into it once, in order, and the contacts
    come last. And every record, repeated or not, is accounted for once."""
    core = build_core(reference)
    for source, normalise in NORMALISE.items():
        await system.all_consumed(source=source)
        records, dead = await records_of(system, source), set()
        once: dict[tuple[bytes | None, bytes | None], Record] = {}
        deliveries = []
        for record in records:
            first = once.setdefault((record.key, record.value), record)
            try:
                delivery = normalise(record, TOLERANCE)
            except InvalidRecordError:
                dead.add((record.partition, record.offset))
                continue
            if first is record:
                deliveries.append(delivery)
        for start in range(0, len(deliveries), _AT_ONCE):
            await core.ingest_conversations(deliveries[start : start + _AT_ONCE], [])
        await judge_ledger(system, source, records, dead)
    caller = Caller(system.tenant_id, "key", None)
    for email in contacts:
        await core.use_cases.create_contact(caller, CreateContact(email=email))
    expected, actual = await state(reference), await state(system.core.store)
    assert all(expected[name] for name in ("messages", "conversation_rows", "conversation_threads", "events"))
    for name in expected:
        assert actual[name] == expected[name], name


async def records_of(system: System, source: str) -> list[Record]:
    """All that is on the topic, each partition's in order."""
    found = await read_committed(system.topics.kafka_bootstrap, system.topic(TOPICS[source]))
    return [to_record(raw) for raw in found]


async def judge_ledger(system: System, source: str, records: list[Record], dead: set[tuple[int, int]]) -> None:
    """Each record is counted once; the dead ones are those on the DLQ, each with a reason."""
    rows = await system.core.store.ledger.rows(topic=system.topic(TOPICS[source]))
    received: Counter[int] = Counter()
    for row in rows:
        received[row.key.partition] += row.received
    assert received == Counter(record.partition for record in records)
    letters = [
        {name: value.decode() for name, value in one.headers if value} for one in await system.dead_letters(source)
    ]
    assert all(one["dlq-reason"] for one in letters)
    # A crash between the DLQ and the commit puts a record aside again.
    aside = {(int(one["dlq-original-partition"]), int(one["dlq-original-offset"])) for one in letters}
    assert aside == dead
    assert sum(row.counts.get(Outcome.DEAD_LETTERED, 0) for row in rows) == len(dead)
