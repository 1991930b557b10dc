"""How contacts are listed: which index each query walks, and the query. No I/O.

Every query is bounded by the tenant and told its index, so that no plan is left to chance:

- no filter: the sort's index, in order;
- one filter (but search) in the default order: the filter's own index, in order;
- anything else: first each condition is counted in its own index, up to BROAD. If one leaves fewer, its index is read
  whole and sorted (a top-k sort of less than BROAD). If all are broad, an index that has the order is walked until the
  page is full, looking at each contact: where much matches, the page is soon full. Further pages of a walk know from
  its beginning how much matches, and need not count again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bson import Regex
from pymongo import IndexModel

from service.contacts.listing_keys import spellings
from service.contacts.query import ContactFilter, ContactOrder, ContactQuery
from service.mongo.documents import Document

BROAD = 5_000
"""About the square root of a page times a million contacts, where reading a filter's matches and walking the order cost
the same."""

_TENANT, _NEWEST = ("tenant_id", 1), (("created_at", -1), ("_id", -1))
Keys = tuple[tuple[str, int], ...]

_FILTERED = {
    "status": "enrichment_status",
    "lifecycle_stage": "properties.lifecyclestage",
    "lead_status": "properties.lead_status",
    "country": "properties.country",
    "industry": "properties.industry",
    "city": "properties.city",
    "state": "properties.state",
    "job_title": "listing.job_title",
    "has_linkedin": "listing.has_linkedin",
    "company_id": "company_ids",
}
"""The stored field behind each filter."""
_WORDS = "listing.words"
# A multikey index cannot be partial on the elements it holds.
_ALWAYS_THERE = {"status", "has_linkedin", "company_id"}


def sort_field(order: ContactOrder) -> str:
    """The stored field behind an order."""
    return "created_at" if order is ContactOrder.CREATEDATE else f"listing.sort.{order.value}"


def _sort_keys(order: ContactOrder) -> Keys:
    return (_TENANT, *(_NEWEST if order is ContactOrder.CREATEDATE else ((sort_field(order), 1), ("_id", 1))))


def _filter_keys(field: str) -> Keys:
    return (_TENANT, (field, 1), *_NEWEST)


def _indexes() -> Iterator[IndexModel]:
    for order in ContactOrder:
        yield IndexModel(list(_sort_keys(order)))
    for name, field in _FILTERED.items():
        # A contact without the property costs its index nothing.
        partial = {} if name in _ALWAYS_THERE else {"partialFilterExpression": {field: {"$exists": True}}}
        yield IndexModel(list(_filter_keys(field)), **partial)
    yield IndexModel(list(_filter_keys(_WORDS)))


INDEXES = list(_indexes())


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing asked for, and the index that knows it. `ordered`: that index has the default order."""

    criteria: Document
    keys: Keys
    ordered: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """An aggregation, and the index that it is to use."""

    pipeline: list[Document]
    keys: Keys

    @property
    def hint(self) -> Document:
        """The index, as MongoDB is told."""
        return dict(self.keys)


def conditions_of(asked: ContactFilter) -> list[Condition]:
    """Everything that narrows the list, but the dates."""
    given = ((field, getattr(asked, name)) for name, field in _FILTERED.items())
    equal = [
        Condition({field: {"$eq": value}}, _filter_keys(field), ordered=True)
        for field, value in given
        if value is not None
    ]
    words = [Condition({_WORDS: _beginning(word)}, _filter_keys(_WORDS), ordered=False) for word in asked.words]
    return [*equal, *words]


def _beginning(word: str) -> object:
    # An anchored prefix without a special character in it has exact index bounds, so that counting and sorting by date
    # read keys only. ($elemMatch with a range would read every contact.)
    prefixes = [Regex("^" + re.escape(one)) for one in spellings(word)]
    return prefixes[0] if len(prefixes) == 1 else {"$in": prefixes}


def dates_of(asked: ContactFilter) -> Condition | None:
    """The bounds on the creation date, which every index in the default order knows too."""
    bounds = {"$gt": asked.created_after, "$lt": asked.created_before}
    given = {operator: moment for operator, moment in bounds.items() if moment is not None}
    return Condition({"created_at": given}, _sort_keys(ContactOrder.CREATEDATE), ordered=True) if given else None


def needs_probes(query: ContactQuery) -> bool:
    """Whether there is a choice to make."""
    conditions = conditions_of(query.filter)
    if query.order is not ContactOrder.CREATEDATE:
        return bool(conditions) or dates_of(query.filter) is not None
    return len(conditions) > 1 or any(not condition.ordered for condition in conditions)


def probe_of(asked: ContactFilter, condition: Condition) -> Plan:
    """Counts what one condition (and the dates) leaves, up to BROAD, from keys alone."""
    return _counting(Plan([_match(_criteria(asked, [(0, condition)]))], condition.keys), BROAD)


def page_plan(query: ContactQuery, by_selectivity: Sequence[tuple[int, Condition]]) -> Plan:
    """The page, one contact more than asked for to tell whether others follow.

    `by_selectivity` has each condition with its probe's count, the fewest first. Without probes the counts are 0, or
    how many match together where that is known.
    """
    keys = _index_of(query, by_selectivity)
    direction = -1 if query.descending else 1
    pipeline = [
        _match(_criteria(query.filter, by_selectivity), _behind(query, keys)),
        {"$sort": {sort_field(query.order): direction, "_id": direction}},
        *([{"$skip": query.offset}] if query.offset else []),
        {"$limit": query.limit + 1},
        {"$project": _projection(query)},
    ]
    return Plan(pipeline, keys)


def count_plan(asked: ContactFilter, by_selectivity: Sequence[tuple[int, Condition]], at_most: int | None) -> Plan:
    """The count, up to `at_most`, from the narrowest condition's index."""
    keys = by_selectivity[0][1].keys if by_selectivity else _sort_keys(ContactOrder.CREATEDATE)
    return _counting(Plan([_match(_criteria(asked, by_selectivity))], keys), at_most)


def _index_of(query: ContactQuery, by_selectivity: Sequence[tuple[int, Condition]]) -> Keys:
    if not by_selectivity:
        return _sort_keys(query.order)
    fewest, narrowest = by_selectivity[0]
    if fewest < BROAD:
        return narrowest.keys
    in_order = [condition.keys for _, condition in by_selectivity if condition.ordered]
    if query.order is ContactOrder.CREATEDATE and in_order:
        return in_order[0]
    return _sort_keys(query.order)


def _criteria(asked: ContactFilter, conditions: Sequence[tuple[int, Condition]]) -> list[Document]:
    criteria = [condition.criteria for _, condition in conditions]
    dates = dates_of(asked)
    if dates is not None and dates.criteria not in criteria:
        criteria.append(dates.criteria)
    return [{"tenant_id": asked.tenant_id}, *criteria]


def _match(criteria: list[Document], ranges: Sequence[Document] = ({},)) -> Document:
    return {"$match": {"$or": [{"$and": [*criteria, one]} for one in ranges]}}


def _behind(query: ContactQuery, keys: Keys) -> list[Document]:
    """Behind a position: two ranges of the sort's index, which MongoDB merges in order. So a page starts where the last
    one ended, however many contacts share a sort value. (Beside other criteria, not within each range, MongoDB might
    walk from the beginning instead.) Where all matches are read anyway, they are read once."""
    if query.behind is None:
        return [{}]
    field, beyond = sort_field(query.order), "$lt" if query.descending else "$gt"
    value, contact_id = query.behind
    ranges: list[Document] = [{field: {beyond: value}}, {field: {"$eq": value}, "_id": {beyond: contact_id}}]
    in_order = keys[-2][0] == field and keys[1][0] != _WORDS
    return ranges if in_order else [{"$or": ranges}]


def _projection(query: ContactQuery) -> Document:
    if query.summary:
        return SUMMARY
    return {"listing": 0} if query.order is ContactOrder.CREATEDATE else {"listing.words": 0}


def _counting(plan: Plan, at_most: int | None) -> Plan:
    limit: list[Document] = [] if at_most is None else [{"$limit": at_most}]
    return Plan([*plan.pipeline, *limit, {"$count": "count"}], plan.keys)


_SUMMARISED = ("firstname", "lastname", "company", "jobtitle", "lifecyclestage")
_WHOLE = (
    "tenant_id email company_ids segment_ids creation_source enrichment_status enriched_at enriched_by created_at "
    "updated_at version sequence committed_at listing.sort"
).split()
SUMMARY: Document = {
    **{f"properties.{name}": 1 for name in _SUMMARISED},
    **dict.fromkeys(_WHOLE, 1),
    "visitor_ids": {"$literal": []},
}
"""A contact with the properties that a summary shows, and no others."""
