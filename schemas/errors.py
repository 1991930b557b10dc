"""What a client sees when something is refused. The statuses are chosen in `service.api.errors`."""

from enum import StrEnum

from pydantic import BaseModel, Field


class ErrorCode(StrEnum):
    """Stable, machine-readable reasons. A code is never renamed or reused."""

    MALFORMED_JSON = "malformed_json"
    VALIDATION_FAILED = "validation_failed"
    BAD_REQUEST = "bad_request"
    MISSING_API_KEY = "missing_api_key"
    INVALID_API_KEY = "invalid_api_key"
    INVALID_SIGNATURE = "invalid_signature"
    SCOPE_MISSING = "scope_missing"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    NOT_FOUND = "not_found"
    CONTACT_NOT_FOUND = "contact_not_found"
    NOTE_NOT_FOUND = "note_not_found"
    ACTION_NOT_FOUND = "action_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    EMAIL_TAKEN = "email_taken"
    VISITOR_ID_TAKEN = "visitor_id_taken"
    IDENTITY_TAKEN = "identity_taken"
    IDENTITY_CONFLICT = "identity_conflict"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    PRECONDITION_FAILED = "precondition_failed"
    BODY_TOO_LARGE = "body_too_large"
    NOT_JSON = "not_json"
    STORE_UNAVAILABLE = "store_unavailable"
    STREAM_UNAVAILABLE = "stream_unavailable"
    ERASURE_NOT_SET_UP = "erasure_not_set_up"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    TOO_BUSY = "too_busy"
    TOO_SLOW = "too_slow"
    INTERNAL = "internal"


class FieldError(BaseModel):
    """One refused field: its path (`properties.lifecyclestage`) and what would be right."""

    field: str
    message: str


class ErrorBody(BaseModel):
    """The body of every answer that is not 2xx."""

    status: str = Field("error", examples=["error"])
    error: str = Field(description="One sentence for a person: what is wrong and what to do.")
    code: ErrorCode = Field(description="Stable reason for a program.")
    request_id: str
    timestamp: str = Field(description="ISO 8601 UTC with milliseconds.")
    details: list[FieldError] | None = Field(None, description="The refused fields, for validation errors.")
    contact_id: str | None = Field(None, description="The contact that holds a taken identity.")
