"""What Kafka refuses for good, in the core's words: a sentence that says what to do."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidProducerEpoch,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from schemas.topics import MAX_RECORD_BYTES
from service.errors import FeedRequestError, StreamRefusedError, StreamUnavailableError
from service.ops.refusals import tell_refusal

_GRANTS = {"read": "Read and Describe", "publish to": "Write and Describe"}
_X509_NOT_YET, _X509_EXPIRED, _X509_OTHER_NAME, _X509_OTHER_ADDRESS = 9, 10, 62, 64
"""OpenSSL's verify codes; the others mean that no known CA has signed."""


@contextmanager
def in_feed_words(doing: str, topic: str) -> Iterator[None]:
    """`doing` is "read" or "publish to". Raises FeedRequestError where Kafka will not do it for us however often it is
    asked, else StreamUnavailableError."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        both = (error, error.__cause__)
        told = (_refusal(one, doing, topic) or _replay_refusal(one, topic) for one in both)
        if refusal := next(filter(None, told), None):
            raise FeedRequestError(refusal) from error
        raise StreamUnavailableError(type(error).__name__) from error


def unavailable(error: BaseException, doing: str, topic: str) -> StreamUnavailableError:
    """What to raise for a client's error: a refusal, which is told in the log with what to do, or only away."""
    refusal = _refusal(error, doing, topic) or _refusal(error.__cause__, doing, topic)
    if refusal is None:
        return StreamUnavailableError(type(error).__name__)
    tell_refusal("kafka", refusal)
    return StreamRefusedError(refusal)


def login_refusal(error: BaseException, where: str) -> str | None:
    """Why a broker at `where` does not let us in, if that is no outage."""
    if isinstance(error, ssl.SSLError):
        return _tls_refusal(error, where)
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"Kafka at {where} does not offer PATHBOUND_KAFKA_SASL_MECHANISM: set one that it offers."
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError):
        return (
            f"Kafka at {where} refuses the login: check PATHBOUND_KAFKA_SASL_USERNAME, the password in "
            "PATHBOUND_KAFKA_SASL_PASSWORD_FILE, and PATHBOUND_KAFKA_SASL_MECHANISM."
        )
    if isinstance(error, IllegalSaslStateError):
        return f"Kafka at {where} expects no login: set PATHBOUND_KAFKA_SECURITY_PROTOCOL to SSL or PLAINTEXT."
    if isinstance(error, KafkaConnectionError) and isinstance(error.__cause__, ssl.SSLError):
        return _tls_refusal(error.__cause__, where)
    # A connection that is taken and closed is what a wrong protocol comes to, and an outage behind a proxy as well.
    return None


def _tls_refusal(error: ssl.SSLError, where: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of Kafka at {where} {_fault(error.verify_code)}"
    if "ALERT" in (error.reason or ""):
        return (
            f"Kafka at {where} refuses this client's certificate: check that PATHBOUND_KAFKA_TLS_CERT_FILE is there, "
            "has not expired, and is signed by a CA that the broker trusts."
        )
    return f"Kafka at {where} does not speak TLS there: check the port and PATHBOUND_KAFKA_SECURITY_PROTOCOL."


def _fault(verify_code: int) -> str:
    if verify_code in (_X509_EXPIRED, _X509_NOT_YET):
        return "has expired, or is not valid yet: renew it on the broker, and check both clocks."
    if verify_code in (_X509_OTHER_NAME, _X509_OTHER_ADDRESS):
        return (
            "is for another host name: put a name that it holds into PATHBOUND_KAFKA_BOOTSTRAP and the broker's "
            "advertised.listeners."
        )
    return "is signed by no known CA: put the CA that signed it into PATHBOUND_KAFKA_TLS_CA_FILE."


def _refusal(error: BaseException | None, doing: str, topic: str) -> str | None:
    if isinstance(error, TopicAuthorizationFailedError):
        return f"Kafka's ACLs forbid to {doing} {topic}: allow {_GRANTS[doing]} on that topic."
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return f"Kafka's ACLs forbid to {doing} {topic} in a transaction: allow Write on the transactional id."
    if isinstance(error, ClusterAuthorizationFailedError):
        return f"Kafka's ACLs forbid to {doing} {topic}: allow IdempotentWrite on the cluster."
    if isinstance(error, GroupAuthorizationFailedError):
        return f"Kafka's ACLs forbid to {doing} {topic} in a consumer group: allow Read on the group."
    if isinstance(error, InvalidTimestampError):
        return (
            f"Kafka refuses to let us {doing} {topic}, since our time is too far from its own: set this machine's "
            "clock or the broker's, and give the topic message.timestamp.type=LogAppendTime."
        )
    return None


def _replay_refusal(error: BaseException | None, topic: str) -> str | None:
    """What can only happen to a topic that is another's, and to a transaction whose id the same command has."""
    if isinstance(error, MessageSizeTooLargeError):
        return f"{topic} does not take records as large as these: give it max.message.bytes={MAX_RECORD_BYTES}."
    if isinstance(error, ProducerFenced | InvalidProducerEpoch):
        return (
            "Another replay of this tenant has begun since, or this one took more than a quarter of an hour: it has "
            "published nothing."
        )
    return None
