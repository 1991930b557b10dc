"""A contact's life as the change feed tells of it, and ways to put it on Kafka, complete or not."""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import admin

from service.kafka.feed import KafkaFeedTopic
from service.kafka.publishers import TransactionalPublisher, publisher_factory, timeline_publisher_factory
from service.mongo.store import MongoStore
from service.outbox.model import OutboxRecord
from service.outbox.relay import Timeline
from service.settings import RelaySettings
from tests.support.api import ApiUser
from tests.support.relay import running
from tests.support.waiting import eventually

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

kafka_admin: Any = admin  # its types hide what it exports


async def live(user: ApiUser) -> str:
    """A contact's life with every kind of change; its id."""
    contact_id: str = (await user.create_contact(properties={"city": "Rome"}))["contact_id"]
    path = f"/v1/contacts/{contact_id}"
    update = {"properties": {"city": "Oslo", "plan": {"seats": 3}, "lifecyclestage": "lead"}, "visitor_id": "v-1"}
    assert (await user.request("PUT", path, json=update, headers={"traceparent": TRACE})).status == 200
    traits = {"external_id": "e-1", "traits": {"email": (await user.get(path)).body["contact"]["email"]}}
    assert (await user.post("/v1/identify", traits)).status == 200
    note = (await user.post(f"{path}/notes", {"content": "one"})).body["note"]["note_id"]
    assert (await user.request("PATCH", f"{path}/notes/{note}", json={"content": "two"})).status == 200
    assert (await user.request("DELETE", f"{path}/notes/{note}")).status == 200
    params = {"contact_id": contact_id, "lifecycle_stage": "customer", "reason": "paid"}
    assert (await user.post("/v1/actions", {"type": "update_lifecycle_stage", "params": params})).status == 201
    enrich = {"contact_id": contact_id, "provider": "acme", "properties": {"company": "Acme"}}
    assert (await user.post("/v1/actions", {"type": "enrich_contact", "params": enrich})).status == 201
    assert (await user.request("DELETE", path, headers={"X-Request-Id": "the-last"})).status == 200
    return contact_id


LIFE = [
    "contact.created",
    "contact.updated",
    "contact.lifecycle_stage_changed",
    "contact.identity_linked",
    "contact.identity_linked",
    "note.created",
    "note.updated",
    "note.deleted",
    "contact.updated",
    "contact.lifecycle_stage_changed",
    "action.completed",
    "contact.updated",
    "action.completed",
    "contact.deleted",
]


class Feed:
    """A store's feed, on topics of its own."""

    def __init__(self, store: MongoStore, kafka_bootstrap: str, topic_prefix: str) -> None:
        self.store = store
        self.bootstrap = kafka_bootstrap
        self.prefix = topic_prefix
        self.name = f"{topic_prefix}contacts.changes"
        self.topic = KafkaFeedTopic(kafka_bootstrap, self.name)

    async def relay(self, mode: Any = "structured") -> None:
        """Publish all that waits, as in production."""
        settings = RelaySettings(
            kafka_bootstrap=self.bootstrap, topic_prefix=self.prefix, relay_content_mode=mode, relay_transactions=True
        )
        timeline = Timeline(self.store.untold, timeline_publisher_factory(settings))
        async with running(self.store.outbox, self.store.leases, publisher_factory(settings), timeline=timeline):
            await eventually(self.drained, 30, "all is published")
            await eventually(self.told, 30, "every event is published")

    async def drained(self) -> bool:
        """Whether no change waits."""
        return not await self.store.outbox.backlog()

    async def told(self) -> bool:
        """Whether no event waits for contacts.timeline."""
        return not await self.store.untold.backlog()

    async def waiting(self, contact_id: str) -> list[OutboxRecord]:
        """A contact's records, in order."""
        found = await self.store.database["outbox"].find({"contact_id": contact_id}).sort("sequence", 1).to_list(None)
        return await self.store.feed_history.records(found[0]["tenant_id"], [one["_id"] for one in found])

    async def put(self, records: Sequence[OutboxRecord]) -> None:
        """Publish just these, in this order, and mark them."""
        publisher = TransactionalPublisher(self.bootstrap, f"{self.prefix}test", self.prefix)
        try:
            await publisher.start()
            await publisher.publish(records)
        finally:
            await publisher.stop()
        await self.store.outbox.mark_published([record.record_id for record in records])
