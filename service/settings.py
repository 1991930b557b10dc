"""Every setting, typed and described. Each is an environment variable `PATHBOUND_<NAME>` and an option of the commands
that use it. A class is what one part needs; a command's settings are the union of its parts."""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.erasure.marks import MIN_SECRET_LENGTH

_PREFIX = "PATHBOUND_"
_NEARLY = 0.75
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s,:/@\[\]]+):[0-9]{1,5}")


def _readable(path: str) -> str:
    if path:
        try:
            with Path(path).open("rb") as file:
                file.read(1)
        except OSError as error:
            raise ValueError(f"the file {path} cannot be read ({error.strerror})") from None
    return path


def _bootstrap(addresses: str) -> str:
    if not all(_BROKER.fullmatch(address.strip()) for address in addresses.split(",")):
        raise ValueError("write host:port, and a comma between several; no scheme, no user")
    return addresses


ReadableFile = Annotated[str, AfterValidator(_readable)]
"""The path of a file that can be read when the process starts; empty is none."""


class Settings(BaseSettings):
    """What every process has."""

    # With PATHBOUND_SECRETS_DIR=/run/secrets, the file /run/secrets/pathbound_mongo_url stands for PATHBOUND_MONGO_URL:
    # a container's secrets are files. A variable wins over a file.
    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        extra="ignore",
        frozen=True,
        secrets_dir=os.environ.get("PATHBOUND_SECRETS_DIR") or None,
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Log lines for people (console) or machines (json); auto is console on a terminal."
    )


class MongoSettings(Settings):
    """How MongoDB is reached."""

    mongo_url: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0"),
        description="MongoDB connection string; must be a replica set or a sharded cluster (transactions).",
    )
    mongo_database: str = Field(
        "pathbound", pattern=r"^[A-Za-z0-9_\-]{1,38}$", description="The database that holds everything."
    )
    mongo_timeout_ms: int = Field(
        5_000, ge=100, description="How long an operation may wait for a usable server, in ms."
    )
    transaction_deadline_ms: int = Field(
        8_000, ge=100, description="How long a transaction is retried on write conflicts before giving up, in ms."
    )
    erasure_secret: SecretStr = Field(
        SecretStr(""),
        description="Keys the marks that keep erased persons out: 32 characters or more, one for all processes, kept"
        " for ever. Empty: nobody can be erased.",
    )
    mongo_tls_ca_file: ReadableFile = Field(
        "", description="PEM file with the CAs that MongoDB's certificate may be signed by; switches TLS on."
    )
    mongo_tls_cert_file: ReadableFile = Field(
        "", description="PEM file with this client's certificate and its key, for MongoDB; switches TLS on."
    )
    mongo_username: str = Field("", description="User that logs in to MongoDB; may stand in the connection string.")
    mongo_password_file: ReadableFile = Field(
        "", description="File that holds that user's password, read when the process starts."
    )

    @model_validator(mode="after")
    def _user_and_password(self) -> Self:
        if bool(self.mongo_username) != bool(self.mongo_password_file):
            raise ValueError("PATHBOUND_MONGO_USERNAME and PATHBOUND_MONGO_PASSWORD_FILE go together: set both or none")
        return self

    @field_validator("erasure_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(f"must have {MIN_SECRET_LENGTH} characters or more")
        return secret


class KafkaSettings(Settings):
    """How Kafka is reached."""

    kafka_bootstrap: Annotated[str, AfterValidator(_bootstrap)] = Field(
        "127.0.0.1:9092", description="Kafka's bootstrap addresses, host:port,…."
    )
    topic_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._\-]{0,100}$", description="Put before each topic, group and transactional id."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to speak to Kafka: with TLS (…SSL) or without, with a login (SASL_…) or without."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the login to Kafka proves that it knows the password."
    )
    kafka_sasl_username: str = Field("", description="User that logs in to Kafka.")
    kafka_sasl_password_file: ReadableFile = Field(
        "", description="File that holds that user's password, read again for each connection."
    )
    kafka_tls_ca_file: ReadableFile = Field(
        "", description="PEM file with the CAs that Kafka's certificate may be signed by; empty is the system's CAs."
    )
    kafka_tls_cert_file: ReadableFile = Field(
        "", description="PEM file with this client's certificate, for Kafka; read again for each connection."
    )
    kafka_tls_key_file: ReadableFile = Field(
        "", description="PEM file with that certificate's key, without a passphrase; read again for each connection."
    )

    @model_validator(mode="after")
    def _what_the_protocol_needs(self) -> Self:
        """What is set has an effect: nobody shall believe that a connection is safe which is not."""
        protocol = self.kafka_security_protocol
        login = bool(self.kafka_sasl_username), bool(self.kafka_sasl_password_file)
        if protocol.startswith("SASL") and not all(login):
            raise ValueError(f"{protocol} needs PATHBOUND_KAFKA_SASL_USERNAME and PATHBOUND_KAFKA_SASL_PASSWORD_FILE")
        if any(login) and not protocol.startswith("SASL"):
            raise ValueError(f"a login needs PATHBOUND_KAFKA_SECURITY_PROTOCOL=SASL_SSL, and it is {protocol}")
        tls = self.kafka_tls_ca_file, self.kafka_tls_cert_file, self.kafka_tls_key_file
        if any(tls) and not protocol.endswith("SSL"):
            raise ValueError(f"TLS needs PATHBOUND_KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL, and it is {protocol}")
        if bool(self.kafka_tls_cert_file) != bool(self.kafka_tls_key_file):
            raise ValueError("PATHBOUND_KAFKA_TLS_CERT_FILE and PATHBOUND_KAFKA_TLS_KEY_FILE go together")
        return self


class TopicSettings(KafkaSettings):
    """What `pathbound init` makes of the topics."""

    topic_partitions: int = Field(12, ge=1, le=1000, description="Partitions of each topic that init makes.")
    topic_replication: int = Field(
        -1, ge=-1, description="Replicas of each topic that init makes; -1 is the broker's default."
    )
    dead_letter_retention_hours: int = Field(
        -1, ge=-1, description="How long the dead letter topics that init makes keep a letter; -1 is for ever."
    )


class OpsSettings(Settings):
    """Where a process without an API of its own answers health and metrics."""

    ops_host: str = Field("127.0.0.1", description="Address for /health/live, /health/ready and /metrics.")
    ops_port: int = Field(0, ge=0, le=65535, description="Port for them; 0 takes a free one and logs it.")


class TracingSettings(Settings):
    """Where traces go."""

    otel_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s?#@]+)?$",
        description="Base address of an OTLP/HTTP collector (http://127.0.0.1:4318); empty is no traces. Extra: otel.",
    )
    otel_sample_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of the traces begun here that are kept; others' traces are as they say."
    )


class ApiSettings(MongoSettings, KafkaSettings, TracingSettings):
    """`pathbound api`."""

    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8080, ge=0, le=65535, description="Port the API listens on.")
    api_shutdown_seconds: float = Field(6.0, ge=0, description="How long open requests may finish after SIGTERM.")
    rate_limit_per_second: float = Field(
        1000.0,
        ge=0,
        allow_inf_nan=False,
        description="Requests a second that one API key may make of this process for long; 0 is no limit.",
    )
    rate_limit_burst: int = Field(2000, ge=1, description="Requests that a key may make at once after a pause.")
    request_timeout_seconds: float = Field(
        15.0, gt=0, description="How long a request may take to arrive and be answered; a stream may go on once begun."
    )


class RetentionSettings(Settings):
    """What `pathbound init` lets MongoDB remove by itself."""

    outbox_retention_hours: int = Field(168, ge=1, description="How long published records are kept for replay.")


class ContentModeSettings(Settings):
    """How events are put on Kafka."""

    relay_content_mode: Literal["structured", "binary"] = Field(
        "structured",
        description="CloudEvents mode: the whole event as JSON, or its data alone with the attributes as headers ce_….",
    )


class FeedSettings(MongoSettings, KafkaSettings):
    """`pathbound feed …`, where it needs both servers."""


class ReplaySettings(FeedSettings, ContentModeSettings):
    """`pathbound feed replay`, the one of them that publishes by itself."""


class RelaySettings(MongoSettings, KafkaSettings, ContentModeSettings, OpsSettings, TracingSettings):
    """`pathbound relay`."""

    relay_transactions: bool = Field(
        default=True,
        description="Publish in Kafka transactions, which fence a predecessor; off only for brokers without them.",
    )
    relay_batch: int = Field(500, ge=1, le=5000, description="Most records in one Kafka transaction.")
    relay_sweep_seconds: float = Field(
        1.0, gt=0, description="How often each shard is looked at without a change stream's call, in seconds."
    )
    relay_lease_seconds: float = Field(
        5.0, gt=0.5, description="How long a shard's lease lasts unless renewed; a dead relay's shards move after it."
    )


class ConsumerSettings(MongoSettings, KafkaSettings, OpsSettings, TracingSettings):
    """`pathbound consume …`."""

    consumer_batch: int = Field(1000, ge=1, le=5000, description="Most records handled in one transaction.")
    consumer_batch_bytes: int = Field(8 * 1024 * 1024, ge=1024, description="Most bytes handled in one transaction.")
    consumer_drain_seconds: float = Field(8.0, gt=0, description="How long work in flight may finish on SIGTERM.")
    timestamp_tolerance_seconds: int = Field(
        3600, ge=0, description="How far after its arrival an event may claim to have happened before it is clamped."
    )


def misspelt(variables: Iterable[str]) -> dict[str, str]:
    """Of the names of variables, those that no setting has but nearly, and the one that must be meant."""
    known = {field.upper() for one in _kinds(Settings) for field in one.model_fields}
    given = {name.removeprefix(_PREFIX) for name in variables if name.startswith(_PREFIX)}
    nearly = {name: get_close_matches(name, known, n=1, cutoff=_NEARLY) for name in sorted(given - known)}
    return {_PREFIX + name: _PREFIX + found[0] for name, found in nearly.items() if found}


def _kinds(settings: type[Settings]) -> list[type[Settings]]:
    return [settings, *(kind for one in settings.__subclasses__() for kind in _kinds(one))]
