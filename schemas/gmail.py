"""Gmail on `gmail.messages`: our envelope, which is strict, around Gmail's `users.messages` resource, which is not.

What Gmail adds is ignored, and what has the wrong type counts as absent, since the mail can be stored without it.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.contacts import MAX_EMAIL_LENGTH
from schemas.tenants import TenantId
from schemas.texts import PlainText

MAX_ID_LENGTH = 256
MAX_UINT64 = 2**64 - 1
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DIGITS = re.compile(r"[0-9]{1,20}")

Header = tuple[str, str]
"""Name and value, as Gmail gives them."""


def _mailbox(value: str) -> str:
    mailbox = value.strip().lower()
    if not mailbox:
        raise PydanticCustomError("mailbox", "must be the mailbox's address")
    return mailbox


def _text_id(value: Any) -> Any:
    # Gmail's ids are strings; whoever passes them on may have made numbers of them. A boolean is no id.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _id(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return value


def _optional_id(value: Any) -> Any:
    value = _text_id(value)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_ID_LENGTH:
        return None
    return None if "\0" in value or _SURROGATE.search(value) else value


def _text(value: Any) -> str:
    """Half a surrogate pair, as cutting short leaves it, becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def _history_id(value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    number = int(text) if _DIGITS.fullmatch(text) else None
    return number if number is not None and number <= MAX_UINT64 else None


def _labels(value: Any) -> frozenset[str]:
    return frozenset(_text(one) for one in value) if isinstance(value, list) else frozenset()


def _headers(value: Any) -> list[Header]:
    if not isinstance(value, list):
        return []
    pairs = ((one.get("name"), one.get("value")) for one in value if isinstance(one, dict))
    return [(_text(name), _text(text)) for name, text in pairs if isinstance(name, str) and isinstance(text, str)]


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _object(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _optional_object(value: Any) -> Any:
    return value if isinstance(value, dict) else None


def _list(value: Any) -> Any:
    return value if isinstance(value, list) else []


MessageId = Annotated[
    PlainText,
    BeforeValidator(_text_id),
    AfterValidator(_id),
    Field(max_length=MAX_ID_LENGTH, examples=["19bdd6548f95"]),
]
Text = Annotated[str, BeforeValidator(_text)]
HistoryId = Annotated[int | None, BeforeValidator(_history_id)]
Labels = Annotated[frozenset[str], BeforeValidator(_labels)]
ThreadId = Annotated[PlainText | None, BeforeValidator(_optional_id)]


class Body(BaseModel):
    """The body of a part. `data` is base64url, of bytes that are transfer-decoded already."""

    model_config = ConfigDict(extra="ignore")

    attachmentId: Text = ""  # noqa: N815 - Gmail's spelling
    data: Text = ""
    size: Annotated[int | None, BeforeValidator(_size)] = None


class Part(BaseModel):
    """A MIME part. `parts` are not looked into: they may be nested deeper than a stack is."""

    model_config = ConfigDict(extra="ignore")

    mimeType: Text = ""  # noqa: N815
    filename: Text = ""
    headers: Annotated[list[Header], BeforeValidator(_headers)] = Field(default_factory=list)
    body: Annotated[Body, BeforeValidator(_object)] = Field(default_factory=Body)
    parts: Annotated[list[Any], BeforeValidator(_list)] = Field(default_factory=list)


class GmailMessage(BaseModel):
    """A `users.messages` resource of whatever `format`; of a deletion or new labels the ids (and labels) only."""

    model_config = ConfigDict(extra="ignore")

    id: MessageId
    threadId: ThreadId = None  # noqa: N815
    labelIds: Labels = frozenset()  # noqa: N815
    historyId: HistoryId = None  # noqa: N815
    internalDate: Any = None  # noqa: N815
    snippet: Text = ""
    payload: Annotated[Part | None, BeforeValidator(_optional_object)] = None


class GmailEnvelope(BaseModel):
    """One message of one mailbox, or what became of it. The envelope is ours, so an unknown field is an error.

    The ids of a deletion and of new labels may stand in the envelope instead of in `message`.
    """

    model_config = ConfigDict(extra="forbid")

    tenant_id: TenantId
    mailbox: Annotated[PlainText, Field(max_length=MAX_EMAIL_LENGTH), AfterValidator(_mailbox)]
    kind: Literal["message", "deleted", "labels"]
    message: dict[Any, Any] | None = None
    id: Any = None
    threadId: Any = None  # noqa: N815
    labelIds: Any = None  # noqa: N815
    historyId: Any = None  # noqa: N815

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        beside = self.beside()
        if self.kind == "message" and beside:
            raise PydanticCustomError("ids_beside_message", "must have no ids beside `message`")
        if self.message is None and not beside:
            raise PydanticCustomError("message_missing", "must have a message")
        labels = self.resource().get("labelIds")
        if self.kind == "labels" and labels is not None and not isinstance(labels, list):
            raise PydanticCustomError("labels_type", "must have a list of labels")
        return self

    def beside(self) -> dict[str, Any]:
        """What stands in the envelope itself."""
        given = {
            "id": self.id,
            "threadId": self.threadId,
            "labelIds": self.labelIds,
            "historyId": self.historyId,
        }
        return {name: value for name, value in given.items() if value is not None}

    def resource(self) -> dict[str, Any]:
        """The message as Gmail has it."""
        return self.beside() | (self.message or {})


GMAIL_ENVELOPE: TypeAdapter[GmailEnvelope] = TypeAdapter(GmailEnvelope)
GMAIL_MESSAGE: TypeAdapter[GmailMessage] = TypeAdapter(GmailMessage)
PART: TypeAdapter[Part] = TypeAdapter(Part)
