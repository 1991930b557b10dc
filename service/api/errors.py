"""The one table from errors to what a client sees: a status, a stable code, and a sentence saying what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from aiohttp import web

from schemas.contacts import MAX_VISITOR_IDS
from schemas.errors import ErrorCode
from schemas.timestamps import iso_millis
from service.errors import (
    ActionNotFoundError,
    ContactNotFoundError,
    ContactsError,
    ContactTooLargeError,
    ContendedError,
    EmailTakenError,
    ErasureSecretError,
    IdempotencyKeyReusedError,
    IdentityConflictError,
    IdentityTakenError,
    NoteNotFoundError,
    RefusedDocumentError,
    StoreUnavailableError,
    StreamUnavailableError,
    TooManyVisitorIdsError,
    TooSlowError,
    VersionConflictError,
    VisitorIdTakenError,
)

RETRY_AFTER_SECONDS = 2
MAX_BODY_BYTES = 1024 * 1024


class RequestRefusedError(Exception):
    """A request that the API itself refuses, before any use-case."""

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        sentence: str,
        *,
        details: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.answer = Answer(status, code, sentence, tuple(details), dict(headers or {}))


@dataclass(frozen=True, slots=True)
class Answer:
    """An error's answer, before request id and time are added."""

    status: int
    code: ErrorCode
    sentence: str
    details: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    contact_id: str | None = None


_RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_BUSY = "Too many changes at once, try again in a moment; nothing was changed."
_SLOW = "This takes too long to look through; add a filter, or make one narrower."
_AWAY = "The database cannot take the request now, try again in a moment."
_STREAM_AWAY = "Kafka cannot take it now, send all of it again in a moment; what was sent twice is stored once."
_NO_ERASING = "Nobody can be erased before the operator has set PATHBOUND_ERASURE_SECRET; nothing was changed."
_MALFORMED_HTTP = "The request is not well-formed HTTP."

_OF_CORE: dict[type[ContactsError], Answer] = {
    ContactNotFoundError: Answer(404, ErrorCode.CONTACT_NOT_FOUND, "There is no contact with this id."),
    EmailTakenError: Answer(409, ErrorCode.EMAIL_TAKEN, "Another contact has this e-mail address; update that one."),
    VisitorIdTakenError: Answer(409, ErrorCode.VISITOR_ID_TAKEN, "Another contact has this visitor id."),
    IdentityTakenError: Answer(409, ErrorCode.IDENTITY_TAKEN, "Another contact has this external id."),
    NoteNotFoundError: Answer(404, ErrorCode.NOTE_NOT_FOUND, "This contact has no note with this id."),
    ActionNotFoundError: Answer(404, ErrorCode.ACTION_NOT_FOUND, "There is no action with this id."),
    VersionConflictError: Answer(412, ErrorCode.PRECONDITION_FAILED, "The contact has changed; read it again first."),
    IdentityConflictError: Answer(
        409, ErrorCode.IDENTITY_CONFLICT, "These identities belong to different contacts; nothing was changed."
    ),
    IdempotencyKeyReusedError: Answer(
        409, ErrorCode.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for another request; take a new one."
    ),
    TooManyVisitorIdsError: Answer(
        400, ErrorCode.VALIDATION_FAILED, f"The contact would have more than {MAX_VISITOR_IDS} visitor ids."
    ),
    ContactTooLargeError: Answer(
        400, ErrorCode.VALIDATION_FAILED, "The contact would be larger than allowed (256 KiB, 500 properties)."
    ),
    ErasureSecretError: Answer(503, ErrorCode.ERASURE_NOT_SET_UP, _NO_ERASING, headers=_RETRY),
    RefusedDocumentError: Answer(400, ErrorCode.VALIDATION_FAILED, "The request holds a value that cannot be stored."),
    ContendedError: Answer(503, ErrorCode.TOO_BUSY, _BUSY, headers=_RETRY),
    TooSlowError: Answer(503, ErrorCode.TOO_SLOW, _SLOW, headers=_RETRY),
    StoreUnavailableError: Answer(503, ErrorCode.STORE_UNAVAILABLE, _AWAY, headers=_RETRY),
    StreamUnavailableError: Answer(503, ErrorCode.STREAM_UNAVAILABLE, _STREAM_AWAY, headers=_RETRY),
}

_OF_HTTP: dict[int, Answer] = {
    400: Answer(400, ErrorCode.BAD_REQUEST, _MALFORMED_HTTP),
    404: Answer(404, ErrorCode.NOT_FOUND, "There is nothing at this path; see the API's documentation for the routes."),
    405: Answer(405, ErrorCode.METHOD_NOT_ALLOWED, "This path does not take this method; see the Allow header."),
    413: Answer(413, ErrorCode.BODY_TOO_LARGE, f"The body is larger than {MAX_BODY_BYTES} bytes; send less at once."),
}

BAD_HTTP = _OF_HTTP[400]
INTERNAL = Answer(500, ErrorCode.INTERNAL, "Something went wrong on our side; it was logged under this request id.")

# What is refused with sentences of its own, each saying more; these are for the API's description.
_REFUSED: tuple[Answer, ...] = (
    Answer(400, ErrorCode.VALIDATION_FAILED, "The body failed validation: email must be an e-mail address."),
    Answer(400, ErrorCode.MALFORMED_JSON, "The body is not valid JSON: line 1, column 2 is where it breaks."),
    Answer(401, ErrorCode.MISSING_API_KEY, "Send an API key: Authorization: Bearer <api key>."),
    Answer(401, ErrorCode.INVALID_API_KEY, "This API key is unknown or revoked; ask for a new one."),
    Answer(401, ErrorCode.INVALID_SIGNATURE, "X-Hub-Signature is not this body's signature."),
    Answer(403, ErrorCode.ORIGIN_NOT_ALLOWED, "This publishable key is not for pages of this origin."),
    Answer(403, ErrorCode.SCOPE_MISSING, "This API key lacks the scope contacts:write; use a key that has it."),
    Answer(408, ErrorCode.TIMEOUT, "The body did not arrive in time; send it again."),
    Answer(415, ErrorCode.NOT_JSON, "Send JSON in UTF-8, with Content-Type: application/json."),
    Answer(429, ErrorCode.RATE_LIMITED, "This API key makes too many requests; wait as Retry-After says."),
    Answer(503, ErrorCode.TIMEOUT, "This took too long. A change may still be made."),
)


def answers_by_code() -> dict[ErrorCode, tuple[Answer, ...]]:
    """Every code with what it comes with; a code may have several statuses."""
    found: dict[ErrorCode, tuple[Answer, ...]] = {}
    for answer in (*_REFUSED, *_OF_CORE.values(), *_OF_HTTP.values()):
        if answer.status not in [known.status for known in found.get(answer.code, ())]:
            found[answer.code] = (*found.get(answer.code, ()), answer)
    return found


def answer_of(error: Exception) -> Answer:
    """What a client sees for `error`; INTERNAL for what nobody foresaw."""
    if isinstance(error, RequestRefusedError):
        return error.answer
    if isinstance(error, web.HTTPException):
        allow = error.headers.get("Allow")
        answer = _OF_HTTP.get(error.status, INTERNAL if error.status >= 500 else _OF_HTTP[400])
        return Answer(answer.status, answer.code, answer.sentence, headers={"Allow": allow} if allow else {})
    if isinstance(error, web.RequestPayloadError | ConnectionResetError):
        return BAD_HTTP  # a body that is not encoded as its headers say, or whose sender has gone before its end
    for kind, answer in _OF_CORE.items():
        if isinstance(error, kind):
            if isinstance(error, IdentityTakenError):
                return Answer(answer.status, answer.code, answer.sentence, contact_id=error.contact_id)
            return answer
    return INTERNAL


def error_response(answer: Answer, request_id: str, now: datetime) -> web.Response:
    """The body of `schemas.errors.ErrorBody`."""
    body: dict[str, object] = {
        "status": "error",
        "error": answer.sentence,
        "code": answer.code.value,
        "request_id": request_id,
        "timestamp": iso_millis(now),
    }
    if answer.details:
        body["details"] = [{"field": field, "message": message} for field, message in answer.details]
    if answer.contact_id:
        body["contact_id"] = answer.contact_id
    return web.Response(
        status=answer.status,
        body=orjson.dumps(body),
        content_type="application/json",
        charset="utf-8",
        headers=answer.headers,
    )
