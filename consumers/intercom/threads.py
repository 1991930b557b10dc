"""From a conversation to what is known of it whole: its state, and who takes part. Pure."""

from consumers.intercom.arrival import Arrival
from consumers.intercom.people import contacts_of
from consumers.runtime.outcomes import InvalidRecordError
from schemas.intercom import Attached, Conversation, Person
from service.conversations.incoming import ThreadFact

MAX_PERSONS = 1000
"""More than a conversation of Intercom's can have, by far."""
DETACHED_TOPIC = "conversation.contact.detached"

_STATES = frozenset({"open", "closed", "snoozed"})
_STATE_BY_VERB = {"opened": "open", "closed": "closed", "snoozed": "snoozed", "unsnoozed": "open"}


def thread_fact(conversation: Conversation, conversation_id: str, arrival: Arrival) -> ThreadFact:
    """Its state as of its last update, and its persons."""
    persons = frozenset(each.id for each in contacts_of(conversation) if each.id)
    if len(persons) > MAX_PERSONS:
        raise InvalidRecordError(f"conversation: more than {MAX_PERSONS} persons")
    state = _state(conversation, arrival.topic)
    version = _version(conversation, arrival) if state else 0
    return ThreadFact(arrival.thread(conversation_id), version, state, persons)


def deletion(conversation: Conversation, arrival: Arrival) -> ThreadFact:
    """That it is gone. Such an object has `conversation_id`, and no `id`."""
    conversation_id = conversation.conversation_id or conversation.id
    if conversation_id is None:
        raise InvalidRecordError("conversation: no id")
    return ThreadFact(arrival.thread(conversation_id), deleted=True)


def attachment(attached: Attached, contact: Person | None, arrival: Arrival) -> tuple[ThreadFact, ...]:
    """That a contact was added to a conversation. One that was removed stays in it: its messages are its own."""
    conversation_id = attached.id or (attached.model.id if attached.model else None)
    if conversation_id is None or contact is None or contact.id is None or arrival.topic == DETACHED_TOPIC:
        return ()
    return (ThreadFact(arrival.thread(conversation_id), persons=frozenset({contact.id})),)


def _version(conversation: Conversation, arrival: Arrival) -> int:
    """When the state was this one, by the conversation's own word, else by the notification's, else by the newest date
    in it; 0 without any. It is not when the record came: a redelivery, which comes later, would be news."""
    parts = [each for each in (conversation.source, conversation.conversation_message, *conversation.parts) if each]
    dates = [conversation.created_at, *(each.created_at for each in parts), *(each.updated_at for each in parts)]
    newest_first = sorted((each for each in dates if each), reverse=True)
    return arrival.seconds(conversation.updated_at, arrival.told_at, *newest_first)


def _state(conversation: Conversation, topic: str) -> str | None:
    if conversation.state in _STATES:
        return conversation.state
    if conversation.open is None:
        # conversation.admin.closed, …
        return _STATE_BY_VERB.get(topic.rpartition(".")[2]) if topic.startswith("conversation.") else None
    if not conversation.open:
        return "closed"
    return "snoozed" if conversation.snoozed_until else "open"
