"""`GET /v1/contacts`: filter, search, sort, page, walk and count."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from aiohttp import web
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schemas.answers import ContactListAnswer
from schemas.contacts import MAX_NAMED_PROPERTY_LENGTH, CompanyId, LifecycleStage
from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.api.paging import End, Instant, PageParameters
from service.contacts.list import contact_summary
from service.contacts.listing_keys import job_title_key, search_terms
from service.contacts.query import ContactFilter, ContactOrder, ContactQuery
from service.contacts.view import contact_object

MAX_SEARCH_LENGTH = 200
MAX_SEARCH_WORDS = 10


class EnrichmentStatus(StrEnum):
    """Whether an enrichment has been merged."""

    ENRICHED = "enriched"
    NOT_ENRICHED = "not_enriched"


def _check_search(text: str) -> str:
    words = search_terms(text)
    if not words:
        raise PydanticCustomError("search", "must have something to search for")
    if len(words) > MAX_SEARCH_WORDS:
        raise PydanticCustomError("search", f"must have at most {MAX_SEARCH_WORDS} words")
    return text


Value = Annotated[str, Field(min_length=1, max_length=MAX_NAMED_PROPERTY_LENGTH)]
"""A property's whole value, compared exactly."""


class ContactListParameters(PageParameters):
    """The query of `GET /v1/contacts`. Everything given must hold."""

    status: EnrichmentStatus | None = Field(None, description="enriched or not_enriched.")
    lifecycle_stage: LifecycleStage | None = Field(None, description="The lifecycle stage.")
    lead_status: Value | None = Field(None, description="The lead status.")
    country: Value | None = Field(None, description="The country.")
    industry: Value | None = Field(None, description="The industry.")
    city: Value | None = Field(None, description="The city.")
    state: Value | None = Field(None, description="The state or region.")
    job_title: Value | None = Field(None, description="The whole job title, without regard to case.")
    has_linkedin: bool | None = Field(None, description="Contacts with, or without, a LinkedIn profile.")
    company_id: CompanyId | None = Field(None, description="The associated company's id.")
    created_after: Instant | None = Field(None, description="Only contacts created after this ISO 8601 date.")
    created_before: End | None = Field(None, description="Only contacts created before this ISO 8601 date.")
    search: Annotated[str, Field(max_length=MAX_SEARCH_LENGTH), AfterValidator(_check_search)] | None = Field(
        None, description="Word beginnings, all of which must be found in name, e-mail, company or job title."
    )
    sort_by: ContactOrder = Field(ContactOrder.CREATEDATE, description="Field to sort by; ties are broken by id.")
    sort_dir: Literal["asc", "desc"] = Field("desc", description="Sort direction.")

    def sort_kind(self) -> type:
        return datetime if self.sort_by is ContactOrder.CREATEDATE else str

    def contact_filter(self, tenant_id: str) -> ContactFilter:
        """Which contacts."""
        return ContactFilter(
            tenant_id,
            status=self.status,
            lifecycle_stage=self.lifecycle_stage,
            lead_status=self.lead_status,
            country=self.country,
            industry=self.industry,
            city=self.city,
            state=self.state,
            job_title=None if self.job_title is None else job_title_key(self.job_title),
            has_linkedin=self.has_linkedin,
            company_id=self.company_id,
            created_after=self.created_after,
            created_before=self.created_before,
            words=search_terms(self.search) if self.search else (),
        )

    def contact_query(self, tenant_id: str) -> ContactQuery:
        """Which page of them."""
        return ContactQuery(
            self.contact_filter(tenant_id),
            self.limit,
            order=self.sort_by,
            descending=self.sort_dir == "desc",
            offset=self.offset,
            behind=self.position,
            summary=self.fields == "summary",
        )


async def list_contacts(call: Call) -> web.Response:
    """A page of contacts, or how many there are."""
    asked: ContactListParameters = call.query
    if asked.count_only:
        return success(count=await call.use_cases.list_contacts.count(asked.contact_filter(call.tenant_id)))
    page = await call.use_cases.list_contacts.page(asked.contact_query(call.tenant_id), asked.known_total)
    shown = contact_summary if asked.fields == "summary" else contact_object
    return success(
        contacts=[shown(contact, profile) for contact, profile in page.contacts],
        pagination=asked.pagination(page.total, page.last),
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/contacts",
        Scope.CONTACTS_READ,
        list_contacts,
        "List contacts.",
        query=ContactListParameters,
        answer=ContactListAnswer,
        errors=(ErrorCode.TOO_SLOW,),
    ),
)
