"""Indexes that no query uses any more: they only cost writes."""

from service.mongo.errors import translated
from service.mongo.migrations.model import Told
from service.mongo.store import MongoStore

FORMER = {
    # Of shown messages in the order of their time: the one in use holds what is not shown too.
    "conversation_rows": ("tenant_id_1_contact_id_1_conversation_id_1_sent_at_1_message_id_1",),
}


async def drop_former_indexes(store: MongoStore, told: Told) -> None:
    """The version before is only slower without them."""
    with translated():
        for collection, names in FORMER.items():
            there = await store.database[collection].index_information()
            for name in names:
                if name in there:
                    await store.database[collection].drop_index(name)
                    told(f"index {name} dropped")
