"""The tenant id: who owns a document, a key, a record."""

from typing import Annotated

from pydantic import StringConstraints

TENANT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"

TenantId = Annotated[str, StringConstraints(pattern=TENANT_PATTERN)]
