"""What the core raises. No HTTP in here: `service.api.errors` says what a client sees.

ContactsError
├── ContactNotFoundError        no such contact in this tenant
├── NoteNotFoundError           no such note on this contact
├── ActionNotFoundError         no such action in this tenant
├── VersionConflictError        the contact has another version than the caller knew
├── IdentityConflictError       identities of one person belong to several contacts
├── IdentityTakenError          another contact has it
│   ├── EmailTakenError
│   └── VisitorIdTakenError
├── ContactTooLargeError        over the size limit after the change
├── TooManyVisitorIdsError      likewise over the number of visitor ids
├── AnswerExistsError           this very request was answered already
├── IdempotencyKeyReusedError   the idempotency key was used for another request
├── ErasureSecretError          the secret that marks of erased persons are made with is missing, or another one
├── FeedRequestError            what is asked of the feed cannot be done; the text says what to do
├── StoreError
│   ├── StoreUnavailableError   MongoDB cannot be used now; trying again later may work
│   ├── TooSlowError            a query would look through more than the time limit allows
│   ├── ContendedError          too many writers on one document for too long; likewise
│   ├── DuplicateKeyError       a document with that id exists (an answer, not a fault)
│   ├── RefusedDocumentError    MongoDB will never take this document
│   └── StoreFaultError         MongoDB refuses for a reason that nobody foresaw: a fault of ours or of its setup
└── StreamUnavailableError      Kafka cannot be used now
"""


class ContactsError(Exception):
    """Everything that the core raises on purpose."""


class ContactNotFoundError(ContactsError):
    """No such contact in this tenant."""


class NoteNotFoundError(ContactsError):
    """No such note on this contact."""


class ActionNotFoundError(ContactsError):
    """No such action in this tenant."""


class VersionConflictError(ContactsError):
    """The contact is at `version`, not at the one that the caller knew."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version


class IdentityConflictError(ContactsError):
    """Identities that should be one person's belong to several contacts."""


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


class TooManyVisitorIdsError(ContactsError):
    """The contact would have more visitor ids than the limit."""


class AnswerExistsError(ContactsError):
    """The same idempotency key was answered meanwhile: the kept answer is the answer."""


class IdempotencyKeyReusedError(ContactsError):
    """The idempotency key was used for another request before."""


class ErasureSecretError(ContactsError):
    """The secret that marks of erased persons are made with is `missing` here, or not the one that they were made with.
    The text is a sentence for people that says what to do."""

    def __init__(self, *, missing: bool) -> None:
        which = "is not set" if missing else "is not the one that persons were erased with"
        super().__init__(f"PATHBOUND_ERASURE_SECRET {which}: give every process the same one, and keep it.")


class FeedRequestError(ContactsError):
    """What is asked of the change feed cannot be done. The text is a sentence for people that says what to do."""


class StoreError(ContactsError):
    """MongoDB answered with something else than yes."""


class StoreUnavailableError(StoreError):
    """MongoDB cannot be used now."""


class TooSlowError(StoreError):
    """A query would look through more than the time limit allows; asking for less may work."""


class ContendedError(StoreError):
    """Write conflicts until the deadline."""


class DuplicateKeyError(StoreError):
    """A document with that id exists already."""


class RefusedDocumentError(StoreError):
    """MongoDB refuses this document, and always will (too large, too deep, …)."""


class StoreFaultError(StoreError):
    """MongoDB refuses for a reason that nobody foresaw (a missing permission, a wrong query): its `codes`."""

    def __init__(self, codes: set[int]) -> None:
        super().__init__()
        self.codes = codes


class StreamUnavailableError(ContactsError):
    """Kafka cannot be used now."""
