"""What consumer groups have committed, and setting them back."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, GroupCoordinatorNotAvailableError, KafkaError

from service.errors import GroupBusyError
from service.kafka.admin import open_admin
from service.kafka.connection import Broker, client_options, start_client
from service.kafka.refusals import unavailable

_BOUND_SECONDS = 10.0
_REQUEST_TIMEOUT_MS = 5_000


async def committed_offsets(broker: Broker, group_ids: list[str]) -> dict[tuple[str, int], int]:
    """The groups' offsets by topic and partition; what has none is left out. Raises StreamUnavailableError."""
    found: dict[tuple[str, int], int] = {}
    try:
        async with open_admin(broker, _BOUND_SECONDS, _REQUEST_TIMEOUT_MS) as admin:
            for group_id in group_ids:
                for partition, committed in (await admin.list_consumer_group_offsets(group_id)).items():
                    if committed.offset >= 0:
                        found[partition.topic, partition.partition] = committed.offset
    except GroupCoordinatorNotAvailableError:
        return found  # no group has ever committed: the broker has not made its offsets topic yet
    except (KafkaError, OSError, TimeoutError) as error:
        raise unavailable(error, "read", "committed offsets") from error
    return found


async def commit_for(broker: Broker, group_id: str, offsets: Mapping[tuple[str, int], int]) -> None:
    """Commit offsets for a group that nobody is in. Raises GroupBusyError, StreamUnavailableError."""
    consumer = AIOKafkaConsumer(
        **client_options(broker), group_id=group_id, enable_auto_commit=False, request_timeout_ms=_REQUEST_TIMEOUT_MS
    )
    wanted = {TopicPartition(*place): offset for place, offset in offsets.items()}
    try:
        async with asyncio.timeout(_BOUND_SECONDS):
            await start_client(consumer, broker)
            consumer.assign(list(wanted))
            await consumer.commit(wanted)
    except CommitFailedError as error:
        raise GroupBusyError(group_id) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise unavailable(error, "set", "committed offsets") from error
    finally:
        await consumer.stop()
