"""One mongod and one broker for the run, which let in only whom they know."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from deploy.stack.directory import DataDirectory
from deploy.stack.kafka_jars import find_kafka_jars
from deploy.stack.programs import find_java
from tests.secure.certificates import Authority
from tests.secure.servers import START_S, SecureKafka, SecureMongod

USER, MONGO_PASSWORD, KAFKA_PASSWORD = "app", "m ö,=\"'$", "k ö,=\"'$"
PREFIX, DATABASE = "acme.", "pathbound"


@dataclass(frozen=True)
class Secure:
    """The servers, and a directory for the files of one run."""

    directory: DataDirectory
    ca: Authority
    mongod: SecureMongod
    kafka: SecureKafka

    def file(self, name: str, text: str) -> str:
        """A file with that text: its path. Passwords end with a line's end, as editors leave it."""
        path = self.directory.path / name
        path.write_text(f"{text}\n")
        return str(path)

    def env(self) -> dict[str, str]:
        """What a process is told to come in by login."""
        return {
            "PATHBOUND_MONGO_URL": self.mongod.url,
            "PATHBOUND_MONGO_DATABASE": DATABASE,
            "PATHBOUND_MONGO_TIMEOUT_MS": "3000",
            "PATHBOUND_MONGO_TLS_CA_FILE": str(self.ca.file),
            "PATHBOUND_MONGO_USERNAME": USER,
            "PATHBOUND_MONGO_PASSWORD_FILE": self.file("mongo-password", MONGO_PASSWORD),
            "PATHBOUND_KAFKA_BOOTSTRAP": self.kafka.login,
            "PATHBOUND_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "PATHBOUND_KAFKA_SASL_USERNAME": USER,
            "PATHBOUND_KAFKA_SASL_PASSWORD_FILE": self.file("kafka-password", KAFKA_PASSWORD),
            "PATHBOUND_KAFKA_TLS_CA_FILE": str(self.ca.file),
            "PATHBOUND_TOPIC_PREFIX": PREFIX,
            "PATHBOUND_TOPIC_PARTITIONS": "2",
            "PATHBOUND_LOG_FORMAT": "json",
        }


@pytest.fixture(scope="session")
def secure() -> Iterator[Secure]:
    directory = DataDirectory(Path(tempfile.mkdtemp(prefix="pathbound-secure-")))
    directory.claim()
    ca = Authority(directory.path / "ca")
    jars = find_kafka_jars(directory.logs, print, threading.Event())
    found = Secure(directory, ca, SecureMongod(directory, ca), SecureKafka(find_java(), jars, directory, ca))
    try:
        found.mongod.start()
        found.kafka.start()
        found.mongod.set_user(USER, MONGO_PASSWORD, [{"role": "readWrite", "db": DATABASE}])
        found.kafka.set_user(USER, KAFKA_PASSWORD)
        _grant(found.kafka)
        yield found
    finally:
        found.kafka.stop()
        found.mongod.process.stop(4)
        directory.release()
        shutil.rmtree(directory.path, ignore_errors=True)


# What `pathbound` needs, as deploy/docs/security.md tells it: the resource, its (prefixed) name, the operations.
GRANTS = (
    (ResourceType.TOPIC, PREFIX, (AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)),
    (ResourceType.GROUP, PREFIX, (AclOperation.READ,)),
    (ResourceType.TRANSACTIONAL_ID, PREFIX, (AclOperation.WRITE,)),
)


def _grant(kafka: SecureKafka) -> None:
    bindings = [
        AclBinding(kind, name, ResourcePatternType.PREFIXED, f"User:{USER}", "*", operation, AclPermissionType.ALLOW)
        for kind, name, operations in GRANTS
        for operation in operations
    ]
    admin = kafka.admin()
    for done in admin.create_acls(bindings).values():
        done.result(START_S)
