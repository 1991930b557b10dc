"""`python -m tests.support.next_version COMMAND …`: the `pathbound` command of a version after this one.

It has one migration, one index and one field more than ours: contacts tell the domain of their address. With
`--unreadable` before the command, ours must not work on what its migration leaves.
"""

import sys
from typing import Any

from pymongo import IndexModel, UpdateMany

from service.mongo import documents
from service.mongo.documents import Document

FIELD = "email_domain"
INDEX = "by_email_domain"
_our_contact_document = documents.contact_document


def _contact_document(contact: Any) -> Document:
    return {**_our_contact_document(contact), FIELD: contact.email.rpartition("@")[2]}


async def _tell_domains(store: Any, told: Any) -> None:
    domain = {"$arrayElemAt": [{"$split": ["$email", "@"]}, -1]}
    lacking = UpdateMany({FIELD: {"$exists": False}}, [{"$set": {FIELD: domain}}])
    done = await store.database["contacts"].bulk_write([lacking])
    told(f"{done.modified_count} contacts tell their domain")


def run(*, unreadable: bool) -> None:
    """As `pathbound`."""
    # Before anything else takes it from there.
    documents.contact_document = _contact_document

    from service.mongo import contacts
    from service.mongo.migrations import all as ours
    from service.mongo.migrations.model import Migration

    version = len(ours.MIGRATIONS) + 1
    migration = Migration(version, "tell domains", _tell_domains, usable_from=version if unreadable else 0)
    ours.MIGRATIONS = (*ours.MIGRATIONS, migration)
    contacts.INDEXES.append(IndexModel([("tenant_id", 1), (FIELD, 1)], name=INDEX))

    from deploy.cli.main import main

    main()


if __name__ == "__main__":
    unreadable = sys.argv[1:2] == ["--unreadable"]
    if unreadable:
        del sys.argv[1]
    run(unreadable=unreadable)
