"""What Kafka refuses for good, in the core's words: a sentence that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from service.errors import FeedRequestError, StreamUnavailableError

_GRANTS = {"read": "Read and Describe", "publish to": "Write and Describe"}


@contextmanager
def in_feed_words(doing: str, topic: str) -> Iterator[None]:
    """`doing` is "read" or "publish to". Raises FeedRequestError where an ACL forbids it, else
    StreamUnavailableError."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        refusal = _refusal(error, doing, topic) or _refusal(error.__cause__, doing, topic)
        if refusal:
            raise FeedRequestError(refusal) from error
        raise StreamUnavailableError(type(error).__name__) from error


def _refusal(error: BaseException | None, doing: str, topic: str) -> str | None:
    if isinstance(error, TopicAuthorizationFailedError):
        return f"Kafka's ACLs forbid to {doing} {topic}: allow {_GRANTS[doing]} on that topic."
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return f"Kafka's ACLs forbid to {doing} {topic} in a transaction: allow Write on the transactional id."
    if isinstance(error, ClusterAuthorizationFailedError):
        return f"Kafka's ACLs forbid to {doing} {topic}: allow IdempotentWrite on the cluster."
    return None
