"""An identity that changes hands between the look at the registry and the write."""

from typing import Any

import pytest

from deploy.bootstrap import build_core
from service.contacts import edit
from service.contacts.owners import raise_owner
from service.identity.model import Identity, IdentityKind
from service.mongo.identities import MongoIdentities
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.events import page_view


async def test_an_external_id_that_another_gets_meanwhile_is_a_conflict(
    api: ApiUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        await api.create_contact(email)
    owners = MongoIdentities.owners

    async def and_then_bob_gets_it(registry: MongoIdentities, identities: Any) -> Any:
        found = await owners(registry, identities)
        monkeypatch.undo()
        bob = await api.post("/v1/identify", {"external_id": "crm-1", "traits": {"email": "bob@example.com"}})
        assert bob.status == 200
        return found

    monkeypatch.setattr(MongoIdentities, "owners", and_then_bob_gets_it)
    ada = await api.post("/v1/identify", {"external_id": "crm-1", "traits": {"email": "ada@example.com"}})
    assert (ada.status, ada.code) == (409, "identity_conflict")


async def test_an_address_whose_owner_goes_meanwhile_is_free(api: ApiUser, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = [await api.create_contact(email) for email in ("ada@example.com", "bob@example.com")]

    async def once_bob_is_gone(*given: Any) -> None:
        monkeypatch.undo()
        assert (await api.request("DELETE", f"/v1/contacts/{bob['contact_id']}")).status == 200
        await raise_owner(*given)

    monkeypatch.setattr(edit, "raise_owner", once_bob_is_gone)
    body = {"properties": {"email": "bob@example.com"}}
    moved = await api.request("PUT", f"/v1/contacts/{ada['contact_id']}", json=body)
    assert (moved.status, moved.body["contact"]["email"]) == (200, "bob@example.com")


async def test_what_comes_under_an_address_while_it_is_freed_waits_for_its_next_owner(
    api: ApiUser, shared_store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it could pass by an erasure of the address, which nobody has then."""
    ada = (await api.create_contact("ada@example.com"))["contact_id"]
    event = page_view(api.tenant_id, Identity(api.tenant_id, IdentityKind.EMAIL, "ada@example.com"))
    owners = MongoIdentities.owners

    async def and_then_it_is_freed(registry: MongoIdentities, identities: Any) -> Any:
        found = await owners(registry, identities)
        monkeypatch.undo()
        body = {"properties": {"email": "ada@new.example"}}
        assert (await api.request("PUT", f"/v1/contacts/{ada}", json=body)).status == 200
        return found

    monkeypatch.setattr(MongoIdentities, "owners", and_then_it_is_freed)
    await build_core(shared_store).ingest([event])

    assert "page_view" not in [one["event"] for one in await api.events(ada)]
    heir = (await api.create_contact("ada@example.com"))["contact_id"]
    assert event.event_id in [one["event_id"] for one in await api.events(heir)]
