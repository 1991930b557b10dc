"""Makes MongoDB's replica set and the service's user, both as the connection string in the settings says them.

For the compose files: run where the first member is on this machine's own loopback, since MongoDB lets nobody else make
the first user (`root`, its password in the file that is the argument). Repeated, it changes the service's password to
the connection string's, and nothing else.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from service.settings import MongoSettings

_DEADLINE_S = 60.0
_PAUSE_S = 0.5
_NOT_ALLOWED = 13  # without a login: so there is a user already
_ALREADY_INITIALIZED = 23
_USER_EXISTS = 51003
_ROOT = "root"

Client = MongoClient[dict[str, Any]]


def main() -> int:
    """Returns the exit status; says on standard output what was made, or on standard error what is wrong."""
    settings = MongoSettings()
    url = settings.mongo_url.get_secret_value()
    wanted = parse_uri(url)
    if len(sys.argv) != 2 or not (wanted["options"].get("replicaSet") and wanted["username"]):
        print("Usage: python -m deploy.stack.replica_set FILE, and PATHBOUND_MONGO_URL names a user and replicaSet=…")
        return 2
    password = Path(sys.argv[1]).read_text().strip()
    try:
        with _first_member() as client:
            _initiate(client, wanted)
            _wait_for_primary(client)
            _make_root(client, password)
        with _first_member(username=_ROOT, password=password) as client:
            _make_user(client, wanted, settings.mongo_database)
        with MongoClient[dict[str, Any]](url) as client:
            client[settings.mongo_database].command("ping")
    except (PyMongoError, TimeoutError) as error:
        # Not its text, which repeats the command; the code's name says what is wrong.
        reason = (error.details or {}).get("codeName") if isinstance(error, OperationFailure) else None
        print(f"Error: MongoDB refused: {reason or type(error).__name__}. Its log says more.", file=sys.stderr)
        return 1
    print(f"MongoDB: replica set {wanted['options']['replicaSet']} of {len(wanted['nodelist'])}, the user is there.")
    return 0


def _first_member(**login: Any) -> Client:
    return MongoClient("127.0.0.1", 27017, directConnection=True, serverSelectionTimeoutMS=30_000, **login)


def _initiate(client: Client, wanted: dict[str, Any]) -> None:
    members = [
        # The first is preferred, so that it is the primary when the users are made.
        {"_id": number, "host": f"{host}:{port}", "priority": 2 if number == 0 else 1}
        for number, (host, port) in enumerate(wanted["nodelist"])
    ]
    with _allowing(_NOT_ALLOWED, _ALREADY_INITIALIZED):
        client.admin.command("replSetInitiate", {"_id": wanted["options"]["replicaSet"], "members": members})


def _wait_for_primary(client: Client) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not client.admin.command("hello").get("isWritablePrimary"):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_PAUSE_S)


def _make_root(client: Client, password: str) -> None:
    with _allowing(_NOT_ALLOWED):
        client.admin.command("createUser", _ROOT, pwd=password, roles=["root"])


def _make_user(client: Client, wanted: dict[str, Any], database: str) -> None:
    name, password = wanted["username"], wanted["password"]
    with _allowing(_USER_EXISTS):
        client.admin.command("createUser", name, pwd=password, roles=[{"role": "readWrite", "db": database}])
    client.admin.command("updateUser", name, pwd=password)


@contextmanager
def _allowing(*codes: int) -> Iterator[None]:
    """Passes over an answer of the server with one of these codes: what was asked for is so already."""
    try:
        yield
    except OperationFailure as error:
        if error.code not in codes:
            raise


if __name__ == "__main__":
    sys.exit(main())
