"""Certificate authorities and what they sign, as PEM files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class Authority:
    """A certificate authority whose files stand in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._ca = trustme.CA()
        self.file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *, expired: bool = False) -> "Certificate":
        """A certificate of this machine whose common name is `name`."""
        yesterday = datetime.now(UTC) - timedelta(days=1)
        made = self._ca.issue_cert(
            "127.0.0.1",
            common_name=name,
            not_before=yesterday - timedelta(days=1) if expired else yesterday,
            not_after=yesterday if expired else None,
        )
        return Certificate(self._directory, name, made)


class Certificate:
    """A certificate with its key: in two files, and in one, as each server wants it."""

    def __init__(self, directory: Path, name: str, made: trustme.LeafCert) -> None:
        self.cert, self.key = directory / f"{name}.cert.pem", directory / f"{name}.key.pem"
        self.both = directory / f"{name}.pem"
        chain = b"".join(pem.bytes() for pem in made.cert_chain_pems)
        # Java reads PKCS #8 alone, and everybody else reads it too.
        key = load_pem_private_key(made.private_key_pem.bytes(), password=None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        self.cert.write_bytes(chain)
        self.key.write_bytes(key)
        self.both.write_bytes(key + chain)
