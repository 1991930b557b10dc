"""A mongod and a broker that let nobody in without TLS and a login (or a client's certificate)."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from pymongo import MongoClient

from deploy.stack.directory import DataDirectory
from deploy.stack.kafka import KafkaServer
from deploy.stack.mongod import REPLICA_SET, accepts
from deploy.stack.ports import HOST
from deploy.stack.processes import ManagedProcess
from deploy.stack.programs import find_mongod
from tests.secure.certificates import Authority, Certificate
from tests.secure.proxy import Proxy
from tests.support.waiting import wait_until

ROOT, ROOT_PASSWORD = "root", "root's own"
START_S = 60.0


class SecureMongod:
    """requireTLS, a key file, and so authorization; one user `root` to make others. With `client_certificates`, nobody
    comes in without one."""

    def __init__(self, directory: DataDirectory, ca: Authority, *, client_certificates: bool = False) -> None:
        self._ca, self._certificate = ca, ca.issue(f"mongod-{client_certificates}")
        self.port = directory.ports.get(f"mongo-{client_certificates}")
        data = directory.path / f"mongo-{client_certificates}"
        data.mkdir(parents=True)
        key = data.with_suffix(".key")
        key.write_text("a key that members share " * 8)
        key.chmod(0o400)
        program, _ = find_mongod()
        self.process = ManagedProcess(
            "mongod",
            [
                str(program), "--dbpath", str(data), "--bind_ip", HOST, "--port", str(self.port), "--replSet",
                REPLICA_SET, "--keyFile", str(key), "--tlsMode", "requireTLS", "--tlsCAFile", str(ca.file),
                "--tlsCertificateKeyFile", str(self._certificate.both), "--nounixsocket",
                "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "100",
                *([] if client_certificates else ["--tlsAllowConnectionsWithoutCertificates"]),
            ],
            log=directory.logs / f"mongod-{client_certificates}.log",
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"mongodb://{HOST}:{self.port}/?replicaSet={REPLICA_SET}"

    def start(self) -> None:
        self.process.start()
        wait_until(lambda: accepts(self.port), START_S, "mongod listens")
        with self._client() as client:
            member = {"_id": 0, "host": f"{HOST}:{self.port}"}
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            wait_until(lambda: client.admin.command("hello").get("isWritablePrimary"), START_S, "mongod is primary")
            client.admin.command("createUser", ROOT, pwd=ROOT_PASSWORD, roles=["root"])

    def as_root(self) -> MongoClient[dict[str, Any]]:
        """A client that may do everything."""
        return self._client(username=ROOT, password=ROOT_PASSWORD)

    def set_user(self, name: str, password: str, roles: list[Any]) -> None:
        """Make a user."""
        with self.as_root() as client:
            client.admin.command("createUser", name, pwd=password, roles=roles)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another one."""
        with self.as_root() as client:
            client.admin.command("updateUser", name, pwd=password)

    def _client(self, **login: Any) -> MongoClient[dict[str, Any]]:
        own = str(self._certificate.both)
        options: dict[str, Any] = {"tlsCAFile": str(self._ca.file), "tlsCertificateKeyFile": own}
        return MongoClient(HOST, self.port, directConnection=True, tls=True, **options, **login)


class SecureKafka(KafkaServer):
    """Beside the plain listener, where whoever comes may do everything (the tests' back door): `login`, with TLS and
    SCRAM, and `certificate`, with TLS and a client's certificate. Behind both, ACLs decide."""

    def __init__(self, java: Path, jars: Path, directory: DataDirectory, ca: Authority) -> None:
        super().__init__(java, jars, directory, threading.Event())
        self._ca, self._certificate = ca, ca.issue("kafka")

    @property
    def port_names(self) -> tuple[str, ...]:
        return ("kafka", "kafka-controller", "kafka-login", "kafka-login-behind", "kafka-certificate")

    @property
    def login(self) -> str:
        """The address for SASL_SSL, of a proxy that can break what goes through it."""
        return f"{HOST}:{self.port('kafka-login')}"

    @property
    def certificate(self) -> str:
        """The address for SSL with a client's certificate."""
        return f"{HOST}:{self.port('kafka-certificate')}"

    def launch(self) -> None:
        super().launch()
        self._proxy = Proxy(self.port("kafka-login"), self.port("kafka-login-behind"))
        self._proxy.start()

    def stop(self) -> None:
        self._proxy.stop()
        super().stop()

    def break_connections(self) -> None:
        """All that came in by login must come in anew."""
        self._proxy.break_connections()

    def admin(self) -> Any:
        """An admin who may do everything."""
        return AdminClient({"bootstrap.servers": self.address})

    def set_password(self, name: str, password: str) -> None:
        """Make a user of both mechanisms, or give one another password."""
        admin = self.admin()
        for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(kind, 4096)
            wanted = UserScramCredentialUpsertion(name, info, password.encode())
            for done in admin.alter_user_scram_credentials([wanted]).values():
                done.result(START_S)

    def _listeners(self, *named: tuple[str, str]) -> str:
        return ",".join(f"{listener}://{HOST}:{self.port(port)}" for listener, port in named)

    def _configure(self, name: str, data: Path) -> Path:
        path = super()._configure(name, data)
        others = (("PLAINTEXT", "kafka"), ("CERT", "kafka-certificate"))
        own = (*others, ("LOGIN", "kafka-login-behind"), ("CONTROLLER", "kafka-controller"))
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        # A later line wins.
        path.write_text(
            f"{path.read_text()}"
            f"listeners={self._listeners(*own)}\n"
            f"advertised.listeners={self._listeners(*others, ('LOGIN', 'kafka-login'))}\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,CERT:SSL\n"
            "ssl.keystore.type=PEM\n"
            f"ssl.keystore.location={self._certificate.both}\n"
            "ssl.truststore.type=PEM\n"
            f"ssl.truststore.location={self._ca.file}\n"
            "listener.name.cert.ssl.client.auth=required\n"
            "ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/\n"
            "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n"
            f"listener.name.login.scram-sha-256.sasl.jaas.config={scram}\n"
            f"listener.name.login.scram-sha-512.sasl.jaas.config={scram}\n"
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
            "super.users=User:ANONYMOUS\n"
        )
        return path


@contextmanager
def tls_listener(certificate: Certificate) -> Iterator[int]:
    """Something on a loopback port that shows a certificate and says no more: the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.both)
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
