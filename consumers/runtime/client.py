"""How the runtime talks to Kafka: one place for the client's options, and why each is what it is."""

from typing import Any

from aiokafka import AIOKafkaConsumer

from consumers.runtime.header_names import tolerate_header_names
from service.kafka.connection import Broker, client_options
from service.settings import ConsumerSettings

# The broker may return more where one record alone is larger, so these bound memory and not the size of a record.
PARTITION_FETCH_BYTES = 1024 * 1024
FETCH_BYTES = 16 * 1024 * 1024
# A partition that has just been emptied waits for the long poll under way on the same broker: keep that short.
FETCH_WAIT_MS = 50
HEARTBEAT_MS = 1_000
SESSION_TIMEOUT_MS = 10_000
# aiokafka leaves the group when nobody polls for this long; here "trying again for ever" may last. Liveness watches us.
NEVER_MS = 2**31 - 1


def make_reader(broker: Broker) -> Any:
    """A consumer of no group that is not connected yet: for looking, from positions that it is told."""
    tolerate_header_names()
    return AIOKafkaConsumer(
        **client_options(broker),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=15_000,
    )


def make_consumer(settings: ConsumerSettings, group_id: str) -> Any:
    """A consumer that is not connected yet: no automatic commits, raw bytes, only committed records."""
    tolerate_header_names()
    drain_ms = int(settings.consumer_drain_seconds * 1000)
    return AIOKafkaConsumer(
        **client_options(settings),
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        # The group waits this long for members that drain.
        rebalance_timeout_ms=max(SESSION_TIMEOUT_MS, 2 * drain_ms + SESSION_TIMEOUT_MS),
        max_poll_interval_ms=NEVER_MS,
        request_timeout_ms=15_000,
    )
