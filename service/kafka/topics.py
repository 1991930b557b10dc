"""Making the topics, and asking for one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateTopicsRequest

from schemas.topics import TOPICS, TopicSpec
from service.errors import StreamRefusedError, StreamUnavailableError
from service.kafka.admin import REQUEST_TIMEOUT_MS, open_admin
from service.kafka.connection import Broker
from service.kafka.refusals import in_feed_words
from service.settings import KafkaSettings, TopicSettings

_log = structlog.get_logger(__name__)


def own_topics(settings: KafkaSettings) -> list[str]:
    """The full names of all that `pathbound init` makes."""
    return [settings.topic_prefix + topic.name for topic in TOPICS]


async def create_topics(settings: TopicSettings) -> list[str]:
    """Make every topic that is missing; those there are stay as they are. Returns the names of all, with prefix.

    Raises StreamUnavailableError with a sentence for people.
    """
    async with _admin(settings) as admin:
        await _create(admin, settings)
    return own_topics(settings)


async def check_broker(settings: KafkaSettings) -> None:
    """Raises StreamRefusedError or StreamUnavailableError, with a sentence for people, where Kafka cannot be used."""
    async with _admin(settings):
        return


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    try:
        async with open_admin(settings) as admin:
            yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise StreamUnavailableError(
            f"Kafka at {settings.kafka_bootstrap} could not be asked for its topics ({type(error).__name__}). "
            "Is it running, and are PATHBOUND_KAFKA_BOOTSTRAP and PATHBOUND_KAFKA_SECURITY_PROTOCOL right?"
        ) from error


async def partitions_of(broker: Broker, topic: str) -> int | None:
    """How many partitions the topic has; None where there is no such topic. `topic` is the full name.

    Raises FeedRequestError where an ACL hides it, and StreamUnavailableError.
    """
    with in_feed_words("read", topic):
        async with open_admin(broker) as admin:
            [found] = await admin.describe_topics([topic])
        error = for_code(found["error_code"])
        if error is UnknownTopicOrPartitionError:
            return None
        if found["error_code"]:
            raise error
        return len(found["partitions"])


async def _create(admin: AIOKafkaAdminClient, settings: TopicSettings) -> None:
    wanted = [_new_topic(topic, settings) for topic in TOPICS]
    try:
        answer = await _ask(admin, wanted)
    except IncompatibleBrokerVersion:
        # librdkafka's mock cluster: a topic is made by asking for it.
        _log.warning("kafka_without_create_topics", hint="topics get the broker's own configuration")
        await admin.describe_topics([topic.name for topic in wanted])
        return
    forbidden = []
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if error in (TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
            forbidden.append(name)
        elif code and error is not TopicAlreadyExistsError:
            said = f": {message[0]}" if message and message[0] else ""
            raise StreamRefusedError(f"Kafka refused to make the topic {name} ({error.__name__}{said}).")
    if forbidden:
        await _refuse_missing(admin, forbidden)


async def _refuse_missing(admin: AIOKafkaAdminClient, forbidden: list[str]) -> None:
    """Topics that we may not make, but that others have made, will do."""
    there = {found["topic"] for found in await admin.describe_topics(forbidden) if not found["error_code"]}
    missing = sorted(set(forbidden) - there)
    if missing:
        raise StreamRefusedError(
            f"Kafka's ACLs forbid to make the topic {missing[0]}: allow Create on the topic or on the cluster, or "
            "make the topics yourself (deploy/docs/security.md) and allow Describe on them."
        )


def _new_topic(topic: TopicSpec, settings: TopicSettings) -> NewTopic:
    made = NewTopic(
        name=settings.topic_prefix + topic.name,
        num_partitions=settings.topic_partitions,
        replication_factor=1,
        topic_configs=_config(topic, settings),
    )
    made.replication_factor = settings.topic_replication  # the constructor refuses -1, which brokers take
    return made


def _config(topic: TopicSpec, settings: TopicSettings) -> dict[str, str]:
    hours = settings.dead_letter_retention_hours
    if not topic.dead_letters or hours < 0:
        return topic.config
    return topic.config | {"retention.ms": str(hours * 3_600_000)}


async def _ask(admin: AIOKafkaAdminClient, wanted: list[NewTopic]) -> Any:
    if admin._client.cluster.controller is not None:  # noqa: SLF001 - create_topics() fails without one
        return await admin.create_topics(wanted)
    # No controller: one is being elected, or the broker is a mock, which the driver then tells us by its API versions.
    request = CreateTopicsRequest(
        create_topic_requests=[admin._convert_new_topic_request(topic) for topic in wanted],  # noqa: SLF001
        timeout=REQUEST_TIMEOUT_MS,
        validate_only=False,
    )
    return await admin._send_request(request)  # noqa: SLF001
