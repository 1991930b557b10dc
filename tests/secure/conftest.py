"""One mongod and one broker for the run, which let in only whom they know, and let nobody do more than is needed."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.stack.directory import DataDirectory
from deploy.stack.kafka_jars import find_kafka_jars
from deploy.stack.programs import find_java
from tests.secure.certificates import Authority
from tests.secure.rights import DATABASE, PREFIX, ROLES, grant_on_kafka, grant_on_mongodb
from tests.secure.servers import SecureKafka, SecureMongod

PASSWORD = "p ö,=\"'$"
"""Everybody's, with what is special to somebody: shells, URLs, SCRAM."""


@dataclass(frozen=True)
class Secure:
    """The servers, and a directory for the files of one run."""

    directory: DataDirectory
    ca: Authority
    mongod: SecureMongod
    kafka: SecureKafka

    def file(self, name: str, text: str) -> str:
        """A file with that text: its path. It ends with a line's end, as editors leave it."""
        path = self.directory.path / name
        path.write_text(f"{text}\n")
        return str(path)

    def env(self, role: str) -> dict[str, str]:
        """What a process of that role is told to come in by login."""
        return {
            "PATHBOUND_MONGO_URL": self.mongod.url,
            "PATHBOUND_MONGO_DATABASE": DATABASE,
            "PATHBOUND_MONGO_TIMEOUT_MS": "5000",
            "PATHBOUND_MONGO_TLS_CA_FILE": str(self.ca.file),
            "PATHBOUND_MONGO_USERNAME": role,
            "PATHBOUND_MONGO_PASSWORD_FILE": str(self.directory.path / "mongo-password"),
            "PATHBOUND_KAFKA_BOOTSTRAP": self.kafka.login,
            "PATHBOUND_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "PATHBOUND_KAFKA_SASL_USERNAME": role,
            "PATHBOUND_KAFKA_SASL_PASSWORD_FILE": str(self.directory.path / "kafka-password"),
            "PATHBOUND_KAFKA_TLS_CA_FILE": str(self.ca.file),
            "PATHBOUND_TOPIC_PREFIX": PREFIX,
            "PATHBOUND_TOPIC_PARTITIONS": "2",
            "PATHBOUND_LOG_FORMAT": "json",
        }

    def env_by_certificate(self, role: str, mongod: SecureMongod) -> dict[str, str]:
        """The same to come in by a certificate whose common name is the role; MongoDB wants the password too."""
        certificate = self.ca.issue(role)
        return self.env(role) | {
            "PATHBOUND_MONGO_URL": mongod.url,
            "PATHBOUND_MONGO_TLS_CERT_FILE": str(certificate.both),
            "PATHBOUND_KAFKA_BOOTSTRAP": self.kafka.certificate,
            "PATHBOUND_KAFKA_SECURITY_PROTOCOL": "SSL",
            "PATHBOUND_KAFKA_SASL_USERNAME": "",
            "PATHBOUND_KAFKA_SASL_PASSWORD_FILE": "",
            "PATHBOUND_KAFKA_TLS_CERT_FILE": str(certificate.cert),
            "PATHBOUND_KAFKA_TLS_KEY_FILE": str(certificate.key),
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
        grant_on_mongodb(found.mongod, PASSWORD)
        grant_on_kafka(found.kafka)
        for role in ROLES:
            found.kafka.set_password(role, PASSWORD)
        found.file("mongo-password", PASSWORD)
        found.file("kafka-password", PASSWORD)
        yield found
    finally:
        found.kafka.stop()
        found.mongod.process.stop(4)
        directory.release()
        shutil.rmtree(directory.path, ignore_errors=True)
