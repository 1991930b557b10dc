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
├── FeedRequestError            what is asked of the feed cannot be done; the text says what to do
├── GroupBusyError              a consumer group has members, so that its offsets are theirs
├── ImportMovedError            another process imports the same file at the same time
├── SetupError                  an operator has to mend something before this can start; the text says what to do
│   └── ErasureSecretError      the secret that marks of erased persons are made with is missing, or another one
├── StoreError
│   ├── StoreUnavailableError   MongoDB cannot be used now; trying again later may work
│   │   └── StoreRefusedError   MongoDB refuses us (a login, a certificate, a permission); the text says what to do
│   ├── TooSlowError            a query would look through more than the time limit allows
│   ├── ContendedError          too many writers on one document for too long; trying again later may work
│   ├── DuplicateKeyError       a document with that id exists (an answer, not a fault)
│   ├── RefusedDocumentError    MongoDB will never take this document
│   │   └── TooMuchAtOnceError  more than one transaction can write in its time; the text says what
│   └── StoreFaultError         MongoDB refuses for a reason that nobody foresaw: a fault of ours or of its setup
└── StreamUnavailableError      Kafka cannot be used now
    └── StreamRefusedError      Kafka refuses us; the text says what to do
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


class FeedRequestError(ContactsError):
    """What is asked of the change feed cannot be done. The text is a sentence for people that says what to do."""


class GroupBusyError(ContactsError):
    """The consumer group has members: nobody else may commit for it. The text is its name."""


class ImportMovedError(ContactsError):
    """Another process imports the same file for the same tenant at the same time, and has gone on."""


class SetupError(ContactsError):
    """An operator has to mend something before this can start. The text is a sentence for people that says what to
    do."""


class ErasureSecretError(SetupError):
    """The secret that marks of erased persons are made with is `missing` here, or not the one that they were made with.
    The text is a sentence for people that says what to do."""

    def __init__(self, *, missing: bool) -> None:
        which = "is not set" if missing else "is not the one that persons were erased with"
        super().__init__(f"PATHBOUND_ERASURE_SECRET {which}: give every process the same one, and keep it.")


class StoreError(ContactsError):
    """MongoDB answered with something else than yes."""


class StoreUnavailableError(StoreError):
    """MongoDB cannot be used now."""


class StoreRefusedError(StoreUnavailableError):
    """MongoDB is there and refuses us, until an operator mends it. The text is a sentence that says what to do."""


class TooSlowError(StoreError):
    """A query would look through more than the time limit allows; asking for less may work."""


class ContendedError(StoreError):
    """Write conflicts until the deadline."""


class DuplicateKeyError(StoreError):
    """A document with that id exists already."""


class RefusedDocumentError(StoreError):
    """MongoDB refuses this document, and always will (too large, too deep, …)."""


class TooMuchAtOnceError(RefusedDocumentError):
    """One transaction would have more to write than MongoDB gives it time for, however often it is tried."""


class StoreFaultError(StoreError):
    """MongoDB refuses for a reason that nobody foresaw (a wrong query, a setup that we do not know): its `codes`."""

    def __init__(self, codes: set[int]) -> None:
        super().__init__()
        self.codes = codes


class StreamUnavailableError(ContactsError):
    """Kafka cannot be used now."""


class StreamRefusedError(StreamUnavailableError):
    """Kafka is there and refuses us, until an operator mends it. The text is a sentence that says what to do."""
