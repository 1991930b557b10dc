"""What MongoDB refuses until an operator mends it, in the core's words: a sentence that says what to do.

No text of the driver's or the server's is repeated: they hold documents and addresses.
"""

from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError

from service.ops.refusals import tell_refusal

MINIMUM_VERSION = (5, 0)
"""What the local stack takes too; 6.0 is what every test runs on."""

_NO_TRANSACTIONS = 20
_REFUSED_CODES = {
    18: "MongoDB refuses the login: check PATHBOUND_MONGO_USERNAME and the password in PATHBOUND_MONGO_PASSWORD_FILE "
    "(or both in PATHBOUND_MONGO_URL), and authSource there; a process takes up a new password when it starts.",
    13: "MongoDB's user lacks a permission: log in with PATHBOUND_MONGO_USERNAME, and grant that user the role "
    "readWrite on PATHBOUND_MONGO_DATABASE (deploy/docs/security.md).",
    8000: "MongoDB (Atlas) refuses the login: check PATHBOUND_MONGO_USERNAME and PATHBOUND_MONGO_PASSWORD_FILE.",
    _NO_TRANSACTIONS: "MongoDB is a single server without transactions: start it with --replSet and initiate the "
    "replica set, and name it in PATHBOUND_MONGO_URL (?replicaSet=…).",
}

# What OpenSSL and the driver say of a connection that they have given up, in lower case; the first that fits.
_REFUSED_CONNECTIONS = (
    (
        ("certificate has expired", "certificate is not yet valid"),
        "MongoDB's certificate has expired, or is not valid yet: renew it on the server, and check both clocks.",
    ),
    (
        ("hostname mismatch", "ip address mismatch"),
        "MongoDB's certificate is for another host name: put a name that it holds into PATHBOUND_MONGO_URL, and into "
        "the replica set's configuration.",
    ),
    (
        ("certificate verify failed",),
        "MongoDB's certificate is signed by no known CA: put the CA that signed it into PATHBOUND_MONGO_TLS_CA_FILE.",
    ),
    (
        ("alert",),
        "MongoDB refuses this client's certificate: check that PATHBOUND_MONGO_TLS_CERT_FILE is there, has not "
        "expired, and is signed by a CA that the server trusts.",
    ),
    (
        ("wrong version number", "unexpected eof", "record layer failure"),
        "MongoDB does not speak TLS there: check the port, and whether the server has TLS switched on (net.tls.mode).",
    ),
    (
        ("servers: []",),
        "No host in PATHBOUND_MONGO_URL is a member of the replica set that it names: correct replicaSet=…, or start "
        "mongod with --replSet and initiate the replica set.",
    ),
)


def refusal_of(error: PyMongoError) -> str | None:
    """What to do about it, if it is a refusal and no outage; told in the log too."""
    what_to_do = _what_to_do(error)
    if what_to_do is not None:
        tell_refusal("mongodb", what_to_do)
    return what_to_do


def _what_to_do(error: PyMongoError) -> str | None:
    if isinstance(error, ConfigurationError) and "wire version" in str(error):
        return too_old("one of the servers")
    if isinstance(error, OperationFailure):
        return _REFUSED_CODES.get(error.code or 0)
    if isinstance(error, ConnectionFailure):
        said = str(error).lower()
        return next((told for signs, told in _REFUSED_CONNECTIONS if any(sign in said for sign in signs)), None)
    return None


def too_old(version: str) -> str:
    """The sentence for a server of that version."""
    least = ".".join(map(str, MINIMUM_VERSION))
    return f"MongoDB is too old ({version}): it must be {least} or above."


def server_fault(hello: dict[str, object], version: str) -> str | None:
    """What must be mended before the server can be used, by its answers to `hello` and `buildInfo`."""
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM_VERSION:
        return too_old(version)
    if not hello.get("setName") and hello.get("msg") != "isdbgrid":
        return _REFUSED_CODES[_NO_TRANSACTIONS]
    return None
