"""Seeded data: the same for the same plan, as much as asked for, and nothing that the API would not take."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from deploy.seed.people import people
from deploy.seed.plan import FIRST, LAST, SeedPlan
from deploy.seed.portions import portion_of
from deploy.seed.visits import visits
from deploy.seed.vocabulary import company
from schemas.contacts import CreateContact
from service.contacts.model import Contact
from service.profile.model import PAGE_VIEW

PLAN = SeedPlan("acme", contacts=2_300, events=4_000, seed=7)


@pytest.fixture(scope="module")
def contacts() -> list[Contact]:
    return [contact for number in range(PLAN.portions) for contact in people(PLAN, number)]


@pytest.mark.parametrize("number", [0, 4])
def test_the_same_plan_gives_the_same_portion(number: int) -> None:
    assert portion_of(PLAN, number) == portion_of(SeedPlan("acme", 2_300, 4_000, 7), number)


@pytest.mark.parametrize("other", [("acme", 2_300, 4_000, 8), ("beta", 2_300, 4_000, 7), ("acme", 2_400, 4_000, 7)])
def test_another_plan_shares_no_id_with_it(other: tuple[str, int, int, int]) -> None:
    mine, theirs = portion_of(PLAN, 0), portion_of(SeedPlan(*other), 0)
    assert not {one.contact_id for one in mine.contacts} & {one.contact_id for one in theirs.contacts}
    assert not {one.event_id for one in mine.changes} & {one.event_id for one in theirs.changes}


def test_another_seed_has_other_addresses_and_visitors_so_that_both_fit_into_one_tenant() -> None:
    identities = [
        {association.identity for association in portion_of(SeedPlan("acme", 500, 0, seed), 0).associations}
        for seed in range(5)
    ]
    assert len(set(chain(*identities))) == sum(map(len, identities))


@given(contacts=st.integers(1, 5_000), events=st.integers(0, 20_000))
def test_portions_add_up_to_the_plan(contacts: int, events: int) -> None:
    plan = SeedPlan("acme", contacts, events, 0)
    numbers = [number for portion in range(plan.portions) for number in plan.numbers(portion)]
    assert numbers == list(range(contacts))
    assert sum(plan.events_of(portion) for portion in range(plan.portions)) == events


def test_as_many_contacts_and_visits_as_planned(contacts: list[Contact]) -> None:
    portions = [portion_of(PLAN, number) for number in range(PLAN.portions)]
    visited = [event for portion in portions for some in portion.visits.values() for event in some]

    assert sum(len(portion.contacts) for portion in portions) == len(contacts) == PLAN.contacts
    assert len(visited) == len({event.event_id for event in visited}) == PLAN.events
    assert all(event.received_at <= LAST and event.timestamp <= event.received_at for event in visited)


def test_nothing_is_made_that_the_api_would_refuse_or_change(contacts: list[Contact]) -> None:
    for contact in contacts:
        body = {
            "email": contact.email,
            "properties": dict(contact.properties),
            "visitor_id": list(contact.visitor_ids),
            **({"company_id": contact.company_ids[0]} if contact.company_ids else {}),
        }
        taken = CreateContact.model_validate(body)
        assert (taken.email, taken.properties) == (contact.email, contact.properties)
        assert tuple(taken.visitor_id) == contact.visitor_ids


def test_addresses_and_ids_are_one_of_a_kind_and_times_in_order(contacts: list[Contact]) -> None:
    assert len({contact.email for contact in contacts}) == len(contacts)
    assert len({contact.contact_id for contact in contacts}) == len(contacts)
    moments = [contact.created_at for contact in contacts]
    assert moments == sorted(moments)
    assert FIRST <= moments[0] < moments[-1] <= LAST
    assert all(contact.created_at <= contact.updated_at == contact.committed_at <= LAST for contact in contacts)
    assert all(moment.microsecond % 1000 == 0 for contact in contacts for moment in (contact.created_at,))


def test_the_data_is_uneven_as_in_life(contacts: list[Contact]) -> None:
    def shares(name: str) -> list[float]:
        counts = Counter(contact.properties.get(name) for contact in contacts)
        return [count / len(contacts) for _, count in counts.most_common()]

    def having(name: str) -> float:
        return sum(name in contact.properties for contact in contacts) / len(contacts)

    assert 0.3 < having("linkedin_url") < 0.4
    assert 0.5 < having("lead_status") < 0.7
    assert len(shares("lifecyclestage")) == 9
    assert shares("lifecyclestage")[0] > 5 * shares("lifecyclestage")[5]
    assert len(shares("country")) > 15
    assert sum(shares("company")[1:11]) > 0.2
    enriched = [contact for contact in contacts if contact.enrichment_status == "enriched"]
    assert 0.25 < len(enriched) / len(contacts) < 0.35
    assert all(contact.version == 2 and contact.enriched_at == contact.updated_at for contact in enriched)
    assert any(len(contact.visitor_ids) == 2 for contact in contacts)
    assert any(not contact.visitor_ids for contact in contacts)


def test_visits_are_sessions_of_pages_some_of_them_tagged_and_few_contacts_have_most(contacts: list[Contact]) -> None:
    found = visits(PLAN, 0, contacts[:500])
    events = [event for some in found.values() for event in some]

    assert {event.event for event in events} == {PAGE_VIEW, "button_click"}
    assert any(event.data.get("utmParams") for event in events)
    assert any(event.context.get("referrer") for event in events)
    assert len({event.session_id for event in events}) < len(events)
    busiest = sorted((len(some) for some in found.values()), reverse=True)
    assert sum(busiest[: len(busiest) // 4]) > len(events) / 2
    owners = {contact.contact_id: contact.visitor_ids for contact in contacts}
    assert all(event.visitor_id in owners[contact_id] for contact_id, some in found.items() for event in some)


@given(st.integers(0, 250_000_000_000_000), st.text())
def test_ids_are_ulids_of_their_moment(milliseconds: int, name: str) -> None:
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    ulid = ULID.from_str(PLAN.ulid(whole, name))
    assert ulid.milliseconds == milliseconds
    assert str(ulid) == PLAN.ulid(whole, name) != PLAN.ulid(whole, f"{name}.")


def test_every_company_has_a_name_and_a_host_of_its_own() -> None:
    companies = [company(rank) for rank in range(40_000)]
    assert len({one.name for one in companies}) == len({one.domain for one in companies}) == len(companies)


@pytest.mark.parametrize("seed", range(8))
def test_a_single_contact_has_all_the_visits(seed: int) -> None:
    plan = SeedPlan("acme", 1, 10, seed)
    (contact,) = people(plan, 0)
    assert len(visits(plan, 0, [contact])[contact.contact_id]) == 10
