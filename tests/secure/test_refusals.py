"""What an operator gets wrong: one sentence that says what to do, an exit status, and nothing half done."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli.main import pathbound as the_command
from deploy.stack.mongod import accepts
from deploy.stack.ports import HOST
from deploy.stack.processes import ManagedProcess
from deploy.stack.programs import find_mongod
from tests.secure.certificates import Authority
from tests.secure.conftest import PASSWORD, Secure
from tests.secure.rights import PREFIX
from tests.secure.servers import tls_listener
from tests.support.waiting import wait_until

DATABASE = "refused"
WRONG = "not the password"


@pytest.fixture(scope="module")
def stranger(secure: Secure) -> Authority:
    """A CA that nobody trusts."""
    return Authority(secure.directory.path / "stranger")


@pytest.fixture(scope="module")
def users(secure: Secure) -> None:
    """One who may do all in the database that nothing may come of, and one who may only read."""
    for name, role in (("refused", "readWrite"), ("reader", "read")):
        secure.mongod.set_user(name, PASSWORD, [{"role": role, "db": DATABASE}])


@pytest.fixture
def refused(secure: Secure, users: None) -> Callable[..., None]:
    """Run `pathbound init` with something wrong, and look at what it says and leaves."""
    env = secure.env("init") | {
        "PATHBOUND_MONGO_DATABASE": DATABASE,
        "PATHBOUND_MONGO_USERNAME": "refused",
        "PATHBOUND_MONGO_TIMEOUT_MS": "1500",
        "PATHBOUND_TOPIC_PREFIX": f"{PREFIX}refused.",
    }

    def check(sentence: str, status: int = 1, **wrong: str) -> None:
        # In this process: most of what a command costs is its start.
        done = CliRunner().invoke(the_command, ["init"], env={**env, **wrong})
        assert done.exit_code == status, done.stderr
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("Error: ")
        assert sentence in last
        for secret in (WRONG, PASSWORD):
            assert secret not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        with secure.mongod.as_root() as client:
            assert DATABASE not in client.list_database_names()
        assert not [
            name for name in secure.kafka.admin().list_topics(timeout=10).topics if name.startswith(f"{PREFIX}refused")
        ]

    return check


def no_login(**more: str) -> dict[str, str]:
    return {"PATHBOUND_KAFKA_SASL_USERNAME": "", "PATHBOUND_KAFKA_SASL_PASSWORD_FILE": "", **more}


def by_certificate(secure: Secure, **more: str) -> dict[str, str]:
    return no_login(PATHBOUND_KAFKA_BOOTSTRAP=secure.kafka.certificate, PATHBOUND_KAFKA_SECURITY_PROTOCOL="SSL", **more)


def test_a_wrong_address(refused: Callable[..., None], unused_tcp_port: int) -> None:
    nobody = f"{HOST}:{unused_tcp_port}"
    refused("PATHBOUND_MONGO_URL is no connection string", PATHBOUND_MONGO_URL=f"mongodb://u:{WRONG}@@h/")
    refused("MongoDB cannot be used", PATHBOUND_MONGO_URL=f"mongodb://{nobody}/?replicaSet=rs0")
    refused("PATHBOUND_KAFKA_BOOTSTRAP: write host:port", 2, PATHBOUND_KAFKA_BOOTSTRAP="kafka://broker")
    refused("Kafka cannot be used at", PATHBOUND_KAFKA_BOOTSTRAP=nobody)


def test_a_wrong_password_is_no_outage(secure: Secure, refused: Callable[..., None]) -> None:
    wrong = secure.file("wrong", WRONG)
    refused("MongoDB refuses the login", PATHBOUND_MONGO_PASSWORD_FILE=wrong)
    refused("refuses the login", PATHBOUND_KAFKA_SASL_PASSWORD_FILE=wrong)
    refused("MONGO_PASSWORD_FILE holds no password", PATHBOUND_MONGO_PASSWORD_FILE=secure.file("empty", ""))
    refused("lacks a permission", PATHBOUND_MONGO_USERNAME="", PATHBOUND_MONGO_PASSWORD_FILE="")
    refused("PATHBOUND_MONGO_PASSWORD_FILE: the file", 2, PATHBOUND_MONGO_PASSWORD_FILE="/nowhere")


def test_servers_that_cannot_be_trusted(secure: Secure, stranger: Authority, refused: Callable[..., None]) -> None:
    refused("signed by no known CA", PATHBOUND_MONGO_TLS_CA_FILE=str(stranger.file))
    refused("signed by no known CA", PATHBOUND_KAFKA_TLS_CA_FILE=str(stranger.file))
    refused("another host name", PATHBOUND_MONGO_URL=secure.mongod.url.replace(HOST, "localhost"))
    refused("another host name", PATHBOUND_KAFKA_BOOTSTRAP=secure.kafka.login.replace(HOST, "localhost"))
    with tls_listener(secure.ca.issue("expired", expired=True)) as port:
        refused("MongoDB's certificate has expired", PATHBOUND_MONGO_URL=f"mongodb://{HOST}:{port}/?replicaSet=rs0")
        refused("has expired", PATHBOUND_KAFKA_BOOTSTRAP=f"{HOST}:{port}")


def test_certificates_that_the_broker_does_not_trust(
    secure: Secure, stranger: Authority, refused: Callable[..., None]
) -> None:
    refused("refuses this client's certificate", **by_certificate(secure))
    for certificate in (secure.ca.issue("late", expired=True), stranger.issue("init")):
        files = {
            "PATHBOUND_KAFKA_TLS_CERT_FILE": str(certificate.cert),
            "PATHBOUND_KAFKA_TLS_KEY_FILE": str(certificate.key),
        }
        refused("refuses this client's certificate", **by_certificate(secure, **files))
    files["PATHBOUND_KAFKA_TLS_KEY_FILE"] = str(secure.ca.issue("other").key)
    refused("a key that fits", **by_certificate(secure, **files))


def test_settings_that_would_not_be_safe(secure: Secure, refused: Callable[..., None]) -> None:
    """What is set has an effect: nobody is to believe in TLS where there is none."""
    refused("TLS needs", 2, **no_login(PATHBOUND_KAFKA_SECURITY_PROTOCOL="PLAINTEXT"))
    refused("a login needs", 2, PATHBOUND_KAFKA_SECURITY_PROTOCOL="SSL")
    refused("SASL_SSL needs", 2, **no_login())
    plain = no_login(PATHBOUND_KAFKA_SECURITY_PROTOCOL="PLAINTEXT", PATHBOUND_KAFKA_TLS_CA_FILE="")
    refused("and PATHBOUND_KAFKA_SECURITY_PROTOCOL.", **plain)
    refused("expects no login", PATHBOUND_KAFKA_BOOTSTRAP=secure.kafka.address, **login_without_tls())


def login_without_tls() -> dict[str, str]:
    return {"PATHBOUND_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "PATHBOUND_KAFKA_TLS_CA_FILE": ""}


def test_a_missing_permission(refused: Callable[..., None]) -> None:
    refused("lacks a permission", PATHBOUND_MONGO_USERNAME="reader")


def test_topics_that_may_not_be_made_must_be_there(secure: Secure) -> None:
    elsewhere = {**secure.env("init"), "PATHBOUND_TOPIC_PREFIX": "others."}
    done = CliRunner().invoke(the_command, ["init"], env=elsewhere)
    assert done.exit_code == 1
    assert "Kafka's ACLs forbid to make the topic others." in done.stderr.splitlines()[-1]
    assert not [name for name in secure.kafka.admin().list_topics(timeout=10).topics if name.startswith("others.")]

    for who in ("init", "operator"):  # who may not make them, finds them
        env = {**secure.env("init"), "PATHBOUND_KAFKA_SASL_USERNAME": who}
        done = CliRunner().invoke(the_command, ["init"], env=env)
        assert done.exit_code == 0, done.stderr


def test_a_server_without_a_replica_set(secure: Secure, tmp_path: Path) -> None:
    program, _ = find_mongod()
    port = secure.directory.ports.get("standalone")
    words = [str(program), "--dbpath", str(tmp_path), "--bind_ip", HOST, "--port", str(port), "--nounixsocket"]
    alone = ManagedProcess("mongod", words, log=tmp_path / "mongod.log")
    alone.start()
    try:
        wait_until(lambda: accepts(port), 60, "mongod listens")
        for url, sentence in (
            (f"mongodb://{HOST}:{port}/", "without transactions: start it with --replSet"),
            (f"mongodb://{HOST}:{port}/?replicaSet=rs0", "No host in PATHBOUND_MONGO_URL is a member"),
        ):
            env = {"PATHBOUND_MONGO_URL": url, "PATHBOUND_MONGO_TIMEOUT_MS": "1500"}
            for words in (["init"], ["api"], ["relay"], ["consume", "tracker"]):
                done = CliRunner().invoke(the_command, words, env=env)
                assert done.exit_code == 1
                assert sentence in done.stderr.splitlines()[-1]
    finally:
        alone.stop(4)
