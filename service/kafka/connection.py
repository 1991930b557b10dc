"""How every client reaches Kafka: its address, TLS and login. No client is built without `client_options`.

Password and certificates are files, and read again for each connection: new ones need no restart.
"""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from service.errors import StreamRefusedError
from service.kafka.refusals import login_refusal
from service.ops.refusals import tell_refusal
from service.settings import KafkaSettings

Broker = KafkaSettings | str
"""The settings; or an address alone, with the rest from the environment."""

_DIAGNOSIS_MS = 3_000


class Startable(Protocol):
    """A client of aiokafka's."""

    async def start(self) -> None: ...


def client_options(broker: Broker) -> dict[str, Any]:
    """What aiokafka's producers, consumers, admins and bare clients are to be given. Raises StreamRefusedError where a
    file cannot be used."""
    settings = _settings(broker)
    return {"bootstrap_servers": settings.kafka_bootstrap, **_security(settings)}


async def start_client(client: Startable, broker: Broker) -> None:
    """Start a client. Raises StreamRefusedError where Kafka refuses us (which is told in the log too), and else what
    the client raises. Where aiokafka asserts that there is a broker to ask for the coordinator, that is an outage too:
    a broker that has just started, or is fenced, tells of none, not even of itself."""
    try:
        await client.start()
    except AssertionError as error:
        raise KafkaConnectionError("Kafka tells of no broker yet") from error
    except KafkaConnectionError as error:
        await raise_refusal(broker, error)
        raise


async def raise_refusal(broker: Broker, error: BaseException) -> None:
    """Look why no broker lets us in, which aiokafka keeps to itself. Raises StreamRefusedError if that is a refusal."""
    refusal = await _refusal(_settings(broker))
    if refusal is not None:
        tell_refusal("kafka", refusal)
        raise StreamRefusedError(refusal) from error


async def _refusal(settings: KafkaSettings) -> str | None:
    for host, port, _ in collect_hosts(settings.kafka_bootstrap):
        try:
            connection = await create_conn(host, port, request_timeout_ms=_DIAGNOSIS_MS, **_security(settings))
        except StreamRefusedError as error:
            return str(error)
        except (KafkaError, OSError, TimeoutError) as error:
            refusal = login_refusal(error, f"{host}:{port}")
            if refusal is not None:
                return refusal
        else:
            connection.close()
            return None
    return None


def _settings(broker: Broker) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=broker) if isinstance(broker, str) else broker


def _security(settings: KafkaSettings) -> dict[str, Any]:
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _FreshContext.of(settings)
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = _PasswordFile(settings.kafka_sasl_password_file)
    return options


class _PasswordFile:
    """In the place of a string: aiokafka encodes the password once for each connection."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def encode(self, encoding: str) -> bytes:
        """The password as the file has it now, without the line's end. Raises OSError."""
        return self._path.read_text("utf-8").rstrip("\r\n").encode(encoding)


class _FreshContext(ssl.SSLContext):
    """TLS that verifies the broker and its name, with the files as they are when a connection begins."""

    _settings = KafkaSettings.model_construct()

    @classmethod
    def of(cls, settings: KafkaSettings) -> "_FreshContext":
        """Raises StreamRefusedError where a file cannot be used."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._settings = settings
        if not settings.kafka_tls_ca_file:
            context.load_default_certs()
        context._load()
        return context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """asyncio calls this as it begins a connection. Files that cannot be used now leave what was read before."""
        with contextlib.suppress(StreamRefusedError):  # told in the log
            self._load()
        return super().wrap_bio(*args, **kwargs)

    def _load(self) -> None:
        files = self._settings
        if files.kafka_tls_ca_file:
            with _usable("PATHBOUND_KAFKA_TLS_CA_FILE"):
                self.load_verify_locations(files.kafka_tls_ca_file)
        if files.kafka_tls_cert_file:
            with _usable("PATHBOUND_KAFKA_TLS_CERT_FILE and PATHBOUND_KAFKA_TLS_KEY_FILE"):
                self.load_cert_chain(files.kafka_tls_cert_file, files.kafka_tls_key_file, password=_no_passphrase)


@contextlib.contextmanager
def _usable(variables: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # an ssl.SSLError too
        what_to_do = f"{variables} cannot be used: put whole PEM files there, a key that fits, and no passphrase."
        tell_refusal("kafka", what_to_do)
        raise StreamRefusedError(what_to_do) from error


def _no_passphrase() -> str:
    """Without this, OpenSSL asks for one at the terminal."""
    return ""
