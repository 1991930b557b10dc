"""Consumers that come, and are killed, while records flow: each record is stored once and counted once."""

from tests.support.load import judge_ledger
from tests.support.running_system import System
from tests.support.service_processes import print_seed
from tests.support.tracker_fixtures import event_id
from tests.support.waiting import eventually

PORTION = 300


async def test_members_come_and_are_killed_mid_stream(system: System) -> None:
    dice = print_seed("test_members_come_and_are_killed_mid_stream")
    contact = await system.user.create_contact("ada@example.com", visitor_id="v-0")
    events = system.core.store.database["events"]
    sent: list[str] = []

    async def send_more() -> None:
        messages = [f"m{len(sent) + n}" for n in range(PORTION)]
        # Every tenth is sent twice, and every tenth is poison.
        twice = [message for message in messages for _ in range(1 + (dice.random() < 0.1))]
        await system.send(
            {"event": "page_view", "message_id": message, "visitorId": f"v-{dice.randrange(20)}"} for message in twice
        )
        await system.send({"message_id": f"poison-{message}", "visitorId": message} for message in messages[::10])
        sent.extend(messages)

    async def some_stored(count: int) -> bool:
        return await events.count_documents({"source": "tracker"}) >= count

    for _ in range(2):
        await send_more()
        await eventually(lambda: some_stored(len(sent) // 2), 60, "the group goes on")
        newcomer = system.add_consumer()
        newcomer.start()
        await send_more()
        system.consumers[-2].kill()
        await send_more()
        await newcomer.wait_ready()

    await system.all_consumed()
    stored = {event["_id"] async for event in events.find({"source": "tracker"}, {"_id": 1})}
    assert stored == {event_id(system.tenant_id, message) for message in sent}
    await judge_ledger(system)
    profile = (await system.user.get(f"/v1/contacts/{contact['contact_id']}")).body["unified_profile"]
    assert profile["page_views"] == len(await system.tracked(contact["contact_id"]))
    dead = {letter.key for letter in await system.dead_letters()}
    assert dead == {message.encode() for start in range(0, len(sent), PORTION) for message in sent[start::10][:30]}
