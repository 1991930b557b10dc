"""The least that each role needs, as deploy/docs/security.md tells it."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from schemas.topics import (
    CONTACTS_CHANGES,
    CONTACTS_SNAPSHOT,
    CONTACTS_TIMELINE,
    INTERCOM_EVENTS,
    TRACKER_EVENTS,
    dead_letters_of,
)
from tests.secure.servers import START_S, SecureKafka, SecureMongod

PREFIX, DATABASE = "acme.", "pathbound"
ROLES = ("init", "api", "relay", "tracker", "operator")

# On every collection of the database; `init` has the role readWrite instead, which may make collections and indexes.
ACTIONS = ("find", "insert", "update", "remove", "changeStream", "listIndexes")

_TOPIC, _GROUP, _TRANSACTION = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
_EXACT, _PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
_CREATE, _DESCRIBE, _READ, _WRITE = (
    AclOperation.CREATE,
    AclOperation.DESCRIBE,
    AclOperation.READ,
    AclOperation.WRITE,
)
# Names stand behind the prefix. READ and WRITE bring DESCRIBE along.
ACLS: dict[str, list[tuple[Any, str, Any, tuple[AclOperation, ...]]]] = {
    "init": [(_TOPIC, "", _PREFIXED, (_CREATE, _DESCRIBE))],
    "api": [(_TOPIC, name, _EXACT, (_WRITE,)) for name in (TRACKER_EVENTS, INTERCOM_EVENTS)],
    "relay": [
        *((_TOPIC, name, _EXACT, (_WRITE,)) for name in (CONTACTS_CHANGES, CONTACTS_SNAPSHOT, CONTACTS_TIMELINE)),
        (_TRANSACTION, "pathbound.relay.", _PREFIXED, (_WRITE,)),
    ],
    "tracker": [
        (_TOPIC, TRACKER_EVENTS, _EXACT, (_READ,)),
        (_TOPIC, dead_letters_of(TRACKER_EVENTS), _EXACT, (_WRITE,)),
        (_GROUP, "pathbound.tracker", _EXACT, (_READ,)),
    ],
    "operator": [
        (_TOPIC, "", _PREFIXED, (_READ, _WRITE)),
        (_GROUP, "", _PREFIXED, (_DESCRIBE,)),
        (_TRANSACTION, "pathbound.replay.", _PREFIXED, (_WRITE,)),
    ],
}


def grant_on_mongodb(mongod: SecureMongod, password: str) -> None:
    """Every role as a user with that password."""
    with mongod.as_root() as client:
        privileges = [{"resource": {"db": DATABASE, "collection": ""}, "actions": list(ACTIONS)}]
        client.admin.command("createRole", "pathbound", privileges=privileges, roles=[])
    for role in ROLES:
        granted = {"role": "readWrite", "db": DATABASE} if role == "init" else {"role": "pathbound", "db": "admin"}
        mongod.set_user(role, password, [granted])


def grant_on_kafka(kafka: SecureKafka) -> None:
    """What each role may do."""
    admin = kafka.admin()
    for done in admin.create_acls(list(_bindings())).values():
        done.result(START_S)


def _bindings() -> Iterator[AclBinding]:
    for role, grants in ACLS.items():
        for kind, name, pattern, operations in grants:
            for operation in operations:
                yield AclBinding(
                    kind, f"{PREFIX}{name}", pattern, f"User:{role}", "*", operation, AclPermissionType.ALLOW
                )
