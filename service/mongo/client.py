"""How every client reaches MongoDB: its address, TLS and login."""

import warnings
from pathlib import Path
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

from service.errors import SetupError
from service.mongo.documents import Document
from service.settings import MongoSettings


def make_client(settings: MongoSettings, socket_timeout_ms: int | None) -> AsyncIOMotorClient[Document]:
    """A client that is not connected yet; its password and certificates are those of this moment.

    Raises SetupError where the settings cannot be used. The driver's texts repeat them, passwords too: none is told.
    """
    security = _security(settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an option that it does not know or understand
            return AsyncIOMotorClient(
                settings.mongo_url.get_secret_value(),
                appname="pathbound",
                tz_aware=True,
                serverSelectionTimeoutMS=settings.mongo_timeout_ms,
                connectTimeoutMS=settings.mongo_timeout_ms,
                socketTimeoutMS=socket_timeout_ms,
                **security,
            )
    except (PyMongoError, ValueError, TypeError, OSError, Warning) as error:
        raise SetupError(_what_to_do(error, security)) from None


def _security(settings: MongoSettings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.mongo_tls_ca_file:
        options |= {"tls": True, "tlsCAFile": settings.mongo_tls_ca_file}
    if settings.mongo_tls_cert_file:
        options |= {"tls": True, "tlsCertificateKeyFile": settings.mongo_tls_cert_file}
    if settings.mongo_username:
        options |= {"username": settings.mongo_username, "password": _password(settings.mongo_password_file)}
    return options


def _password(path: str) -> str:
    try:
        password = Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        password = ""
    if not password:
        raise SetupError("PATHBOUND_MONGO_PASSWORD_FILE holds no password: write it there, in UTF-8, on one line.")
    return password


def _what_to_do(error: Exception, security: dict[str, Any]) -> str:
    if isinstance(error, ConfigurationError | OSError) and not isinstance(error, InvalidURI) and "tls" in security:
        return (
            "MongoDB cannot be reached as it is set: check that PATHBOUND_MONGO_TLS_CA_FILE and "
            "PATHBOUND_MONGO_TLS_CERT_FILE (a certificate and its key) are whole PEM files, and PATHBOUND_MONGO_URL."
        )
    return (
        "PATHBOUND_MONGO_URL is no connection string that can be used: write mongodb://host:port,…/?replicaSet=name, "
        "with options that MongoDB's drivers know, and special characters of a password as %XX."
    )
