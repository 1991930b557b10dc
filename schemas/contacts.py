"""Contacts on the wire: what a client sends, what it gets."""

from enum import StrEnum
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from schemas.json_schema import JsonSchema, properties_schema
from schemas.json_values import UnstorableValueError, check_json, has_lone_surrogate
from schemas.visitor_ids import MAX_IDENTITY_LENGTH, is_junk_identity

MAX_PROPERTIES = 500
MAX_KEY_LENGTH = 128
MAX_EMAIL_LENGTH = 320
MAX_NAMED_PROPERTY_LENGTH = 1024
MAX_NESTING = 5
MAX_VISITOR_IDS = 100
MAX_CONTACT_BYTES = 256 * 1024


class LifecycleStage(StrEnum):
    """The nine values of `lifecyclestage`, on create and update alike."""

    LEAD = "lead"
    PROSPECT = "prospect"
    MQL = "mql"
    SQL = "sql"
    OPPORTUNITY = "opportunity"
    CUSTOMER = "customer"
    EVANGELIST = "evangelist"
    SUBSCRIBER = "subscriber"
    OTHER = "other"


LIFECYCLE_STAGES = frozenset(stage.value for stage in LifecycleStage)
NAMED_PROPERTIES = frozenset(
    "firstname lastname company jobtitle lifecyclestage lead_status country industry "
    "city state linkedin_url phone website".split()
)
"""The properties that filters, sorting, search and the unified profile read: strings. Any other key is free."""


def normalise_email(value: str) -> str:
    """The address as stored and compared: trimmed, checked by `email-validator` (RFC 5321's dot-string form with RFC
    6531's international letters; see deploy/docs/email-addresses.md), lower-cased.

    The reserved names `.test` and `.example` are accepted: staging data is full of them.
    Raises PydanticCustomError saying what is wrong, without repeating the address.
    """
    if len(value) > MAX_EMAIL_LENGTH:
        raise PydanticCustomError("email", f"must have at most {MAX_EMAIL_LENGTH} characters")
    try:
        parsed = validate_email(
            value.strip(), strict=True, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except (EmailNotValidError, UnicodeError):
        raise PydanticCustomError("email", "must be an e-mail address, such as ada@example.com") from None
    if "." not in parsed.domain:
        raise PydanticCustomError("email", "must be an e-mail address with a full domain, such as ada@example.com")
    if "\0" in parsed.normalized:
        raise PydanticCustomError("email", "must not contain a NUL character")
    return parsed.normalized.lower()


def check_visitor_id(value: str) -> str:
    """The id, trimmed. Raises PydanticCustomError for junk, NUL, lone surrogates and more than 256 characters."""
    trimmed = value.strip()
    if is_junk_identity(trimmed):
        raise PydanticCustomError("visitor_id", "must identify one visitor: this is what a tracker sends for nobody")
    if len(trimmed) > MAX_IDENTITY_LENGTH:
        raise PydanticCustomError("visitor_id", f"must have at most {MAX_IDENTITY_LENGTH} characters")
    if "\0" in trimmed or has_lone_surrogate(trimmed):
        raise PydanticCustomError("visitor_id", "must be valid Unicode without NUL characters")
    return trimmed


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


EMAIL_SCHEMA: JsonSchema = {
    "type": "string",
    "format": "email",
    "maxLength": MAX_EMAIL_LENGTH,
    "examples": ["ada@example.com"],
}
VISITOR_ID_SCHEMA: JsonSchema = {
    "type": "string",
    "format": "visitor-id",
    "description": "1 to 256 characters; nothing that trackers send for nobody: null, undefined, anonymous, 0, ….",
    "minLength": 1,
    "examples": ["v_4f7a1c"],
}
Email = Annotated[str, AfterValidator(normalise_email), WithJsonSchema(EMAIL_SCHEMA)]
VisitorId = Annotated[str, AfterValidator(check_visitor_id), WithJsonSchema(VISITOR_ID_SCHEMA)]
VisitorIds = Annotated[
    list[VisitorId],
    Field(max_length=MAX_VISITOR_IDS),
    BeforeValidator(_one_or_many),
    AfterValidator(_distinct),
    WithJsonSchema(
        {
            "anyOf": [
                VISITOR_ID_SCHEMA,
                {"type": "array", "items": VISITOR_ID_SCHEMA, "maxItems": MAX_VISITOR_IDS},
            ]
        }
    ),
]
CompanyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,128}$", examples=["co_01"])]


def check_properties(properties: dict[str, Any], name: str = "properties") -> dict[str, Any]:
    """The limits of `properties` (contract, "Contact object"), or of what else holds some under another `name`.

    Raises UnstorableValueError at the first fault.
    """
    if len(properties.keys() - {"email"}) > MAX_PROPERTIES:  # which is the contact's own, and beside them
        raise UnstorableValueError(name, f"must have at most {MAX_PROPERTIES} keys")
    check_json(properties, max_depth=MAX_NESTING, path=name)
    for key, value in properties.items():
        if not 1 <= len(key) <= MAX_KEY_LENGTH:
            path = f"{name}.{key[:MAX_KEY_LENGTH]}" if key else name
            raise UnstorableValueError(path, f"must have a key of 1 to {MAX_KEY_LENGTH} characters")
        if key.startswith("$") or "." in key:
            raise UnstorableValueError(f"{name}.{key}", "must have a key that neither starts with '$' nor contains '.'")
        if key in NAMED_PROPERTIES and value is not None:
            _check_named(f"{name}.{key}", value, is_stage=key == "lifecyclestage")
    return properties


def _check_named(path: str, value: Any, *, is_stage: bool) -> None:
    if not isinstance(value, str):
        raise UnstorableValueError(path, "must be a string")
    if len(value) > MAX_NAMED_PROPERTY_LENGTH:
        raise UnstorableValueError(path, f"must have at most {MAX_NAMED_PROPERTY_LENGTH} characters")
    if is_stage and value not in LIFECYCLE_STAGES:
        raise UnstorableValueError(path, f"must be one of {', '.join(LifecycleStage)}")


def checked_email(value: str, path: str) -> str:
    """The address at `path`, normalised. Raises UnstorableValueError."""
    try:
        return normalise_email(value)
    except PydanticCustomError as error:
        raise UnstorableValueError(path, error.message()) from None


def free_properties_schema(email: JsonSchema | bool) -> JsonSchema:
    """The schema of `properties`, by what may be said of `email` in it."""
    return properties_schema(
        named=NAMED_PROPERTIES,
        stages=[stage.value for stage in LifecycleStage],
        max_keys=MAX_PROPERTIES,
        max_key_length=MAX_KEY_LENGTH,
        max_value_length=MAX_NAMED_PROPERTY_LENGTH,
        max_nesting=MAX_NESTING,
        email=email,
    )


_SAME_EMAIL = {"type": ["string", "null"], "format": "same-email", "description": "The same address, or left out."}
NewProperties = Annotated[dict[str, Any], WithJsonSchema(free_properties_schema(_SAME_EMAIL))]
ChangedProperties = Annotated[dict[str, Any], WithJsonSchema(free_properties_schema(EMAIL_SCHEMA))]


class UpsertContact(BaseModel):
    """A contact to be created, or merged into the one that has its address: null removes a key there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: Email
    properties: NewProperties = Field(default_factory=dict, description="Arbitrary key-value properties.")
    visitor_id: VisitorIds = Field(default_factory=list, description="Website visitor id or ids from the tracker.")
    company_id: CompanyId | None = Field(None, description="The company to associate.")

    @model_validator(mode="after")
    def _check_properties(self) -> "UpsertContact":
        check_properties(self.properties)
        given = self.properties.pop("email", None)
        path = "properties.email"
        if given is not None and (not isinstance(given, str) or checked_email(given, path) != self.email):
            raise UnstorableValueError(path, "must be the same address as `email`, or be left out")
        return self


class CreateContact(UpsertContact):
    """The body of `POST /v1/contacts`."""

    @model_validator(mode="after")
    def _drop_what_is_removed(self) -> "CreateContact":
        # A key set to null is removed, so a new contact never has it.
        self.properties = {key: value for key, value in self.properties.items() if value is not None}
        return self


class UpdateContact(BaseModel):
    """The body of `PUT /v1/contacts/:contact_id`: what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    properties: ChangedProperties = Field(
        default_factory=dict, description="Merged key by key; null removes a key; `email` changes the address."
    )
    visitor_id: VisitorIds = Field(default_factory=list, description="Visitor id or ids to associate; none is removed.")
    company_id: CompanyId | None = Field(None, description="The company to associate; null removes it.")

    @model_validator(mode="after")
    def _check_properties(self) -> "UpdateContact":
        check_properties(self.properties)
        if "email" in self.properties:
            given, path = self.properties["email"], "properties.email"
            if not isinstance(given, str):
                raise UnstorableValueError(path, "must be an e-mail address: it can be changed, not removed")
            self.properties["email"] = checked_email(given, path)
        return self


class Associations(BaseModel):
    """What a contact is tied to."""

    companies: list[str] = Field(description="Company ids.", examples=[["co_01"]])


class ContactSummary(BaseModel):
    """A contact in about 200 bytes: `fields=summary`."""

    contact_id: str = Field(examples=["ct_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    email: str
    name: str | None
    company: str | None
    jobtitle: str | None
    lifecyclestage: str | None
    last_activity_at: str | None


class Contact(BaseModel):
    """The contact object. Timestamps are ISO 8601 UTC with milliseconds."""

    contact_id: str = Field(examples=["ct_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    id_alias: str = Field(alias="_id", description="Alias of contact_id.")
    email: str
    properties: dict[str, Any] = Field(description="Holds `email` too.")
    visitor_ids: list[str]
    associations: Associations
    segment_ids: list[str]
    creation_source: str
    enrichment_status: str
    enriched_at: str | None = Field(None, description="Only once enriched.")
    enriched_by: str | None = Field(None, description="The provider; only once enriched.")
    first_seen_at: str
    last_activity_at: str | None
    created_at: str
    updated_at: str
    version: int = Field(description="Also the ETag. Counts changes of properties, identities and associations.")
