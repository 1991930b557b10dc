"""What the core raises. No HTTP in here: `service.api.errors` says what a client sees.

ContactsError
├── ContactNotFoundError        no such contact in this tenant
├── IdentityTakenError          another contact has it
│   ├── EmailTakenError
│   └── VisitorIdTakenError
├── ContactTooLargeError        over the size limit after the change
├── StoreError
│   ├── StoreUnavailableError   MongoDB cannot be used now; trying again later may work
│   ├── ContendedError          too many writers on one document for too long; likewise
│   ├── DuplicateKeyError       a document with that id exists (an answer, not a fault)
│   └── RefusedDocumentError    MongoDB will never take this document
└── StreamUnavailableError      Kafka cannot be used now
"""


class ContactsError(Exception):
    """Everything that the core raises on purpose."""


class ContactNotFoundError(ContactsError):
    """No such contact in this tenant."""


class IdentityTakenError(ContactsError):
    """An identity belongs to another contact, `contact_id`."""

    def __init__(self, contact_id: str) -> None:
        super().__init__()
        self.contact_id = contact_id


class EmailTakenError(IdentityTakenError):
    """The e-mail address belongs to another contact."""


class VisitorIdTakenError(IdentityTakenError):
    """The visitor id belongs to another contact."""


class ContactTooLargeError(ContactsError):
    """The contact would be larger than the limit."""


class StoreError(ContactsError):
    """MongoDB answered with something else than yes."""


class StoreUnavailableError(StoreError):
    """MongoDB cannot be used now."""


class ContendedError(StoreError):
    """Write conflicts until the deadline."""


class DuplicateKeyError(StoreError):
    """A document with that id exists already."""


class RefusedDocumentError(StoreError):
    """MongoDB refuses this document, and always will (too large, too deep, …)."""


class StreamUnavailableError(ContactsError):
    """Kafka cannot be used now."""
