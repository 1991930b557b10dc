"""`POST /v1/identify` on the wire."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from schemas.contacts import VISITOR_ID_SCHEMA, ChangedProperties, VisitorId, check_properties, checked_email
from schemas.json_values import UnstorableValueError
from schemas.texts import PlainText
from schemas.visitor_ids import MAX_IDENTITY_LENGTH, is_junk_identity


def _check_external(value: str) -> str:
    trimmed = value.strip()
    if is_junk_identity(trimmed) or len(trimmed) > MAX_IDENTITY_LENGTH:
        raise PydanticCustomError("external_id", f"must identify one person, in 1 to {MAX_IDENTITY_LENGTH} characters")
    return trimmed


class Identify(BaseModel):
    """Say that these are one person. At least one of `external_id`, `anonymous_id` and `traits.email` is needed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    external_id: Annotated[PlainText, AfterValidator(_check_external), WithJsonSchema(VISITOR_ID_SCHEMA)] | None = (
        Field(None, description="The person's id in the client's own system; trackers send it as external_contact_id.")
    )
    anonymous_id: VisitorId | None = Field(None, description="The tracker's visitor id.")
    traits: ChangedProperties = Field(default_factory=dict, description="Properties to merge; `email` identifies.")

    @property
    def email(self) -> str | None:
        """The address in `traits`, normalised."""
        return self.traits.get("email")

    @model_validator(mode="after")
    def _check(self) -> "Identify":
        check_properties(self.traits, "traits")
        given = self.traits.get("email")
        if "email" in self.traits:
            if not isinstance(given, str):
                raise UnstorableValueError("traits.email", "must be an e-mail address, or be left out")
            self.traits["email"] = checked_email(given, "traits.email")
        if self.external_id is None and self.anonymous_id is None and given is None:
            raise PydanticCustomError("identify", "must have an external_id, an anonymous_id or traits.email")
        return self
