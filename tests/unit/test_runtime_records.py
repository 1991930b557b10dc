"""Kafka's records as ours: whatever came becomes one, and what it says legibly is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.runtime.outcomes import Record
from consumers.runtime.records import batches, ids_in_headers, legible_tenant, to_record
from schemas.timestamps import EPOCH


@pytest.mark.parametrize(
    ("value", "tenant"),
    [
        (b'{"tenant_id":"acme","x":1}', "acme"),
        (b'{"tenant_id":"$where"}', None),
        (b'{"tenant_id":"a\\n"}', None),
        (b'{"tenant_id":["acme"]}', None),
        (b'["tenant_id"]', None),
        (b"[" * 100_000, None),
        (b"\xff", None),
        (b"", None),
        (None, None),
    ],
)
def test_a_tenant_is_believed_where_it_is_legible(value: bytes | None, tenant: str | None) -> None:
    assert legible_tenant(value) == tenant


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 7), st.integers(1, 50))
def test_batches_keep_order_and_bounds(sizes: list[int], most: int, most_bytes: int) -> None:
    records = [Record("t", 0, offset, None, b"x" * size, EPOCH) for offset, size in enumerate(sizes)]
    cut = list(batches(records, most, most_bytes))
    assert [record for batch in cut for record in batch] == records
    for batch in cut:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or sum(len(record.value or b"") for record in batch) <= most_bytes


def test_only_well_formed_ids_reach_the_logs() -> None:
    values = [
        b"req_1",
        b"req_1",
        b"ada@example.com",
        b"a b",
        b"",
        b"x" * 200,
        b"\xff",
        *(b"r%d" % n for n in range(20)),
    ]
    records = [Record("t", 0, 0, None, None, EPOCH, (("x-request-id", value),)) for value in values]
    assert ids_in_headers(records, "x-request-id") == ["req_1", *(f"r{n}" for n in range(9))]


@pytest.mark.parametrize("millis", [-1, -(2**63), 0, 1_700_000_000_123, 2**63 - 1])
def test_any_broker_timestamp_becomes_one(millis: int) -> None:
    class Raw:
        topic, partition, offset, key, value, timestamp, headers = "t", 0, 0, None, None, millis, ()

    assert 1970 <= to_record(Raw()).timestamp.year <= 9999
