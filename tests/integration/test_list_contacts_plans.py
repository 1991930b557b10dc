"""How MongoDB executes lists of contacts (design, decision 12): its own account of the very queries that are sent."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from service.contacts.listing_keys import search_terms
from service.contacts.model import Contact
from service.contacts.query import ContactFilter, ContactOrder, ContactQuery
from service.errors import TooSlowError
from service.mongo.contact_list import MongoContactList, Page, Probed
from service.mongo.contact_plans import BROAD, Plan, page_plan
from service.mongo.documents import Document
from service.mongo.store import MongoStore
from tests.support.events import MORNING
from tests.support.listing import position, store_contacts
from tests.support.waiting import eventually

TENANT, CONTACTS, LIMIT = "tenant-plans", 6_000, 20
# MongoDB shows open ranges of dates as dates that Python does not have.
ANY_DATE = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)  # type: CodecOptions[Document]
BY_DATE = ContactOrder.CREATEDATE


def contact(number: int) -> Contact:
    """One of many, with few values for each filter, many names, and moments that several share."""
    pick = random.Random(number)
    moment = MORNING + timedelta(seconds=pick.randrange(CONTACTS // 4))
    first, last = pick.choice(["Ada", "Grace", "Zoë", "明"]), f"Name{pick.randrange(500)}"
    return Contact(
        contact_id=f"ct_{number:08d}",
        tenant_id="",
        email=f"{first.lower()}.{last.lower()}.{number}@acme{number % 40}.example".encode("ascii", "ignore").decode(),
        properties={
            "firstname": first,
            "lastname": last,
            "company": ("" if number % 40 else "L'") + f"Acme {number % 40}",
            "jobtitle": pick.choice(["CTO", "Engineer", "Buyer"]),
            "lifecyclestage": pick.choice(["lead", "customer"]),
            "lead_status": pick.choice(["new", "open"]),
            "country": pick.choice(["FR", "DE"]),
            "industry": pick.choice(["SaaS", "Retail"]),
            "city": f"City {number % 300}",
            "state": pick.choice(["BY", "NY"]),
            **({"linkedin_url": "https://linkedin.com/in/x"} if pick.random() < 0.5 else {}),
        },
        created_at=moment,
        updated_at=moment,
        committed_at=moment,
        company_ids=(f"co_{number % 60}", f"co_{number % 7}"),
        enrichment_status=pick.choice(["enriched", "not_enriched"]),
    )


ONE_FILTER: dict[str, Any] = {
    "status": "enriched",
    "lifecycle_stage": "lead",
    "lead_status": "new",
    "country": "FR",
    "industry": "SaaS",
    "city": "City 7",
    "state": "BY",
    "job_title": "cto",
    "has_linkedin": True,
    "company_id": "co_3",
    "created_after": MORNING + timedelta(seconds=700),
    "created_before": MORNING + timedelta(seconds=700),
}


@dataclass
class Explained:
    """What MongoDB says of one query."""

    stages: list[str]
    keys: int
    documents: int
    returned: int


@dataclass
class Explainer(MongoContactList):
    """Explains each query that it sends."""

    database: Any
    said: list[Explained] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.database, None)

    async def _page(self, query: ContactQuery, probed: Probed) -> Page:
        await self._explain(page_plan(query, probed))
        return await super()._page(query, probed)

    async def _read(self, plan: Plan) -> list[Document]:
        await self._explain(plan)
        return await super()._read(plan)

    async def _explain(self, plan: Plan) -> None:
        command = {"aggregate": "contacts", "pipeline": plan.pipeline, "cursor": {}, "hint": plan.hint}
        answer = await self.database.command("explain", command, verbosity="executionStats", codec_options=ANY_DATE)
        query = answer["stages"][0]["$cursor"] if "stages" in answer else answer
        others = [next(iter(stage)) for stage in answer.get("stages", [])]
        ran = query["executionStats"]
        winning = query["queryPlanner"]["winningPlan"]
        self.said.append(
            Explained(
                [*stages_of(winning.get("queryPlan", winning)), *others],
                ran["totalKeysExamined"],
                ran["totalDocsExamined"],
                ran["nReturned"],
            )
        )

    async def of_page(self, query: ContactQuery) -> Explained:
        """Of the page alone, the probes aside."""
        self.said.clear()
        await self.page(query, None)
        return self.said[-1]


def stages_of(plan: Document) -> Iterator[str]:
    yield plan["stage"]
    for child in [plan[name] for name in ("inputStage",) if name in plan] + plan.get("inputStages", []):
        yield from stages_of(child)


@pytest.fixture(scope="module")
async def explainer(shared_store: MongoStore) -> AsyncIterator[Explainer]:
    """Over one tenant of many contacts, and a neighbour with as many: other tenants must not be met."""
    for tenant, first in ((TENANT, 0), ("tenant-plant", CONTACTS)):
        await store_contacts(shared_store, tenant, (contact(first + number) for number in range(CONTACTS)))
    yield Explainer(shared_store.database)
    await shared_store.database["contacts"].delete_many({"tenant_id": {"$in": [TENANT, "tenant-plant"]}})


async def last_of(explainer: Explainer, query: ContactQuery) -> Any:
    """The position of the query's last contact."""
    found = await MongoContactList(explainer.database, None).page(query, None)
    last, _ = found.contacts[-1]
    return position(last, query.order)


def is_read_in_order(said: Explained) -> None:
    assert "IXSCAN" in said.stages
    assert not {"COLLSCAN", "SORT", "$sort"} & set(said.stages), said.stages
    assert said.returned == LIMIT + 1
    # A cursor's two ranges each look one key further.
    assert said.keys <= LIMIT + 4
    assert said.documents <= LIMIT + 1


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", ContactOrder)
async def test_a_list_without_filters_is_read_in_order_from_start_to_end(
    explainer: Explainer, order: ContactOrder, descending: bool
) -> None:
    asked = ContactFilter(TENANT)
    is_read_in_order(await explainer.of_page(ContactQuery(asked, LIMIT, order, descending)))
    for offset in (LIMIT, CONTACTS // 2, CONTACTS - 2 * LIMIT):
        behind = await last_of(explainer, ContactQuery(asked, 1, order, descending, offset))
        is_read_in_order(await explainer.of_page(ContactQuery(asked, LIMIT, order, descending, behind=behind)))


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", ONE_FILTER)
async def test_one_filter_in_the_default_order_is_read_in_order_from_start_to_end(
    explainer: Explainer, name: str, descending: bool
) -> None:
    asked = ContactFilter(TENANT, **{name: ONE_FILTER[name]})
    if name == "city":  # a value of few contacts: its own index has them all, and no others
        said = await explainer.of_page(ContactQuery(asked, LIMIT, descending=descending))
        assert (said.returned, said.documents) == (CONTACTS // 300, CONTACTS // 300)
        return
    is_read_in_order(await explainer.of_page(ContactQuery(asked, LIMIT, descending=descending)))
    behind = await last_of(explainer, ContactQuery(asked, 1, BY_DATE, descending, offset=500))
    is_read_in_order(await explainer.of_page(ContactQuery(asked, LIMIT, descending=descending, behind=behind)))


@pytest.mark.parametrize("name", ONE_FILTER)
async def test_what_one_filter_matches_is_counted_from_keys(explainer: Explainer, name: str) -> None:
    explainer.said.clear()
    count = await explainer.count(ContactFilter(TENANT, **{name: ONE_FILTER[name]}))

    (said,) = explainer.said
    assert count > 0
    assert said.documents == 0
    assert said.keys <= count + 2


@pytest.mark.parametrize(
    "search", ["name77", "明", "acme1 cto", "grace name4 buyer", ".*", "zoe|", "c++", "l’acme", "a\\b-c#d"]
)
async def test_a_search_reads_what_it_finds_not_what_there_is(explainer: Explainer, search: str) -> None:
    explainer.said.clear()
    asked = ContactFilter(TENANT, words=search_terms(search))
    await explainer.page(ContactQuery(asked, LIMIT), None)

    matching = min(said.returned for said in explainer.said[:-1])
    said = explainer.said[-1]
    assert "COLLSCAN" not in said.stages
    if len(asked.words) == 1:
        # Sorted by keys; only the page's contacts are read.
        assert said.documents <= LIMIT + 1
    for one in explainer.said[:-1]:
        assert one.documents == 0
    assert said.keys <= 4 * matching + 4


async def test_a_search_that_finds_nearly_everything_walks_the_order(explainer: Explainer) -> None:
    explainer.said.clear()
    await explainer.page(ContactQuery(ContactFilter(TENANT, words=("acme",)), LIMIT), None)

    probe, page = explainer.said
    assert (probe.keys, probe.documents) == (BROAD, 0)
    is_read_in_order(page)


@pytest.mark.parametrize("order", ContactOrder)
@pytest.mark.parametrize("asked", [{"words": ("acme",)}, {"words": ("acme", "example"), "has_linkedin": True}])
async def test_a_walk_through_much_does_not_count_it_again_for_each_page(
    explainer: Explainer, asked: dict[str, Any], order: ContactOrder
) -> None:
    query = ContactQuery(ContactFilter(TENANT, **asked), LIMIT, order)
    first = await MongoContactList(explainer.database, None).page(query, 100_001)
    explainer.said.clear()
    await explainer.page(replace(query, behind=first.last), None, BROAD)

    (page,) = explainer.said
    assert not {"COLLSCAN", "SORT", "$sort"} & set(page.stages)
    assert page.documents <= 20 * (LIMIT + 1)


@pytest.mark.parametrize("known_total", [0, BROAD])
@pytest.mark.parametrize("order", ContactOrder)
@pytest.mark.parametrize(
    "asked",
    [{"words": ("acme",)}, {"country": "FR", "status": "enriched"}, {"city": "City 7"}, {"created_after": MORNING}],
)
async def test_what_was_counted_before_changes_the_way_and_not_the_answer(
    explainer: Explainer, asked: dict[str, Any], order: ContactOrder, known_total: int
) -> None:
    lists = MongoContactList(explainer.database, None)
    query = ContactQuery(ContactFilter(TENANT, **asked), 7, order)
    first = await lists.page(query, 100_001)
    told, untold = replace(query, behind=first.last), replace(query, offset=7)
    found = await lists.page(told, None, known_total)
    assert found.contacts == (await lists.page(untold, None)).contacts


@pytest.mark.parametrize("order", ContactOrder)
@pytest.mark.parametrize(
    "asked",
    [
        {"country": "FR", "industry": "SaaS", "has_linkedin": False},
        {"company_id": "co_3", "created_after": MORNING + timedelta(seconds=900)},
        {"words": ("ada", "cto"), "status": "enriched", "state": "NY"},
        {"words": ("acme",), "created_before": MORNING + timedelta(days=1)},
        {"created_after": MORNING, "created_before": MORNING + timedelta(seconds=5)},
    ],
)
async def test_no_combination_reads_the_collection(
    explainer: Explainer, asked: dict[str, Any], order: ContactOrder
) -> None:
    explainer.said.clear()
    query = ContactQuery(ContactFilter(TENANT, **asked), 100, order)
    found = await explainer.page(query, 100_001)
    assert found.total
    if found.last:
        await explainer.page(ContactQuery(query.filter, 100, order, behind=found.last), None)
    for said in explainer.said:
        assert "IXSCAN" in said.stages or "COUNT_SCAN" in said.stages
        assert "COLLSCAN" not in said.stages
        assert said.documents <= BROAD


async def test_what_takes_too_long_is_given_up(explainer: Explainer) -> None:
    hurried = MongoContactList(explainer.database, None, max_ms=1)
    asked = ContactFilter(TENANT, country="FR", state="BY")

    async def gives_up() -> bool:
        answers = await asyncio.gather(*(hurried.count(asked) for _ in range(4)), return_exceptions=True)
        return any(isinstance(answer, TooSlowError) for answer in answers)

    await eventually(gives_up, 30, "a query that takes more than a millisecond")
