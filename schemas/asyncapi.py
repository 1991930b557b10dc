"""The description of what is on Kafka (AsyncAPI 3.0), made of the models and the list of topics.

`schemas/asyncapi.json` is what this gives, committed; a test fails where they differ (`make asyncapi` writes it anew).
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.change_examples import CHANGES, TIMELINE_ENTRY, cloud_event
from schemas.changes import (
    CONTENT_TYPE,
    DATA_CONTENT_TYPE,
    DATA_MODELS,
    ChangeEvent,
    ChangeType,
    CloudEvent,
    dataschema_of,
)
from schemas.gmail import GmailEnvelope
from schemas.intercom import IntercomEnvelope
from schemas.snapshots import GONE_TYPE, SNAPSHOT_TYPE, TENANT_HEADER, ContactSnapshot, SnapshotEvent
from schemas.timeline import TIMELINE_TYPE, TimelineEntry, TimelineEntryEvent
from schemas.topics import (
    CONTACTS_CHANGES,
    CONTACTS_SNAPSHOT,
    CONTACTS_TIMELINE,
    GMAIL_MESSAGES,
    INTERCOM_EVENTS,
    TOPICS,
    TRACKER_EVENTS,
    TopicSpec,
    dead_letters_of,
)
from schemas.tracker import TrackerEnvelope

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_KAFKA = "0.5.0"
_DESCRIPTION = (
    "Every change of a contact is an event on `contacts.changes`: CloudEvents 1.0 over Kafka, key = contact id, in the"
    " order in which the contact changed. Delivery is at least once: an event may come again, with the same `id` and"
    " `sequence`. `sequence` counts each contact's events from 1 without a gap, so that a subscriber can show that it"
    " missed nothing. Read with isolation level `read_committed`. A record with the header `replay` was published again"
    " on request. Events change by addition only: bear with fields and values that you do not know."
)
_SNAPSHOTS = (
    "The latest state of every contact: compacted, key = contact id, so that reading it to its end gives all contacts."
    " A record without a value says that the contact is gone. `sequence` is that of the last event included: a"
    " subscriber that goes on with `contacts.changes` drops what is not above it."
)
_TIMELINE = (
    "Each event that enters a contact's timeline, from every source, once its contact is known; key = contact id. One"
    " that waited for its contact comes with `linked_later`. Delivery is at least once, with the same `id`; a contact's"
    " events come about in the order in which they entered, and have no sequence. What later changes in an event, or"
    " leaves a timeline, is not told."
)
INBOUND: dict[str, tuple[type[BaseModel], str]] = {
    TRACKER_EVENTS: (TrackerEnvelope, "One visitor event, as a tracker's backend produces it; key = `visitorId`."),
    GMAIL_MESSAGES: (
        GmailEnvelope,
        "A mail, new labels of one, or its deletion, from the Gmail API; key = the mailbox's address.",
    ),
    INTERCOM_EVENTS: (
        IntercomEnvelope,
        "A webhook notification, or a conversation from Intercom's REST API; key = the conversation's id, else the"
        " Intercom contact's.",
    ),
}
"""What we read: the model of each topic's records, and what they are."""


def describe_topics(version: str) -> Json:
    """The whole document, in a stable order; `version` is the application's."""
    refs, schemas = _schemas()
    messages: Json = {str(kind): _change(kind, refs[DATA_MODELS[kind]]) for kind in ChangeType}
    channels: Json = {CONTACTS_CHANGES: _channel(_spec(CONTACTS_CHANGES), [*map(str, ChangeType)], _DESCRIPTION)}
    messages[TIMELINE_TYPE] = _timeline_entry(refs[TimelineEntry])
    channels[CONTACTS_TIMELINE] = _channel(_spec(CONTACTS_TIMELINE), [TIMELINE_TYPE], _TIMELINE)
    messages[SNAPSHOT_TYPE] = _snapshot(refs[ContactSnapshot])
    messages[GONE_TYPE] = _tombstone()
    channels[CONTACTS_SNAPSHOT] = _channel(_spec(CONTACTS_SNAPSHOT), [SNAPSHOT_TYPE, GONE_TYPE], _SNAPSHOTS)
    for topic, (model, description) in INBOUND.items():
        messages[topic] = _inbound(topic, refs[model], description)
        messages[dead_letters_of(topic)] = _dead_letter(topic)
        channels[topic] = _channel(_spec(topic), [topic], description)
        said = f"What could not be handled from `{topic}`: the record as it was, with headers that say why."
        channels[dead_letters_of(topic)] = _channel(_spec(dead_letters_of(topic)), [dead_letters_of(topic)], said)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pathbound Contacts on Kafka",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": DATA_CONTENT_TYPE,
        "channels": channels,
        "operations": {_operation_id(name): _operation(name, channel) for name, channel in channels.items()},
        "components": {"messages": messages, "schemas": schemas},
    }


def _schemas() -> tuple[dict[type[BaseModel], Json], Json]:
    """A reference for each model, and the components."""
    models: dict[type[BaseModel], None] = dict.fromkeys(
        [*DATA_MODELS.values(), TimelineEntry, ContactSnapshot, *(model for model, _ in INBOUND.values())]
    )
    by_model, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    return {model: by_model[model, "validation"] for model in models}, dict(sorted(definitions["$defs"].items()))


def _spec(name: str) -> TopicSpec:
    return next(topic for topic in TOPICS if topic.name == name)


def _channel(topic: TopicSpec, messages: list[str], description: str) -> Json:
    configuration = {key: value for key, value in topic.config.items() if key in _CONFIGURATION}
    return {
        "address": topic.name,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {key: _CONFIGURATION[key](value) for key, value in configuration.items()},
                "bindingVersion": _KAFKA,
            }
        },
    }


_CONFIGURATION: dict[str, Any] = {
    "max.message.bytes": int,
    "retention.ms": int,
    "delete.retention.ms": int,
    "cleanup.policy": lambda value: value.split(","),
}
"""What of a topic's configuration AsyncAPI's Kafka binding knows, and as what."""


def _operation_id(channel: str) -> str:
    verb = "read" if channel in INBOUND else "publish"
    return verb + "".join(word.capitalize() for word in channel.split("."))


def _operation(name: str, channel: Json) -> Json:
    return {
        "action": "receive" if name in INBOUND else "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": f"{'Read' if name in INBOUND else 'Publish to'} {name}.",
        "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in channel["messages"]],
    }


def _change(kind: ChangeType, data: Json) -> Json:
    example = cloud_event(kind, CHANGES[kind], sequence=1 if kind is ChangeType.CONTACT_CREATED else 2)
    return {
        "name": str(kind),
        "title": str(kind),
        "summary": (DATA_MODELS[kind].__doc__ or "").strip(),
        "contentType": CONTENT_TYPE,
        "headers": _HEADERS,
        "payload": cloud_event_schema(kind, data),
        "bindings": _KEY,
        "examples": [{"name": str(kind), "payload": example}],
    }


def _snapshot(data: Json) -> Json:
    example = cloud_event(SNAPSHOT_TYPE, CHANGES[ChangeType.CONTACT_CREATED], sequence=1)
    return _state(SNAPSHOT_TYPE, (SnapshotEvent, ContactSnapshot), data, _SNAPSHOT_HEADERS, example)


def _timeline_entry(data: Json) -> Json:
    example = cloud_event(TIMELINE_TYPE, TIMELINE_ENTRY, sequence=1)
    example["id"] = f"{TIMELINE_ENTRY['event']['event_id']}.{example['subject']}"
    return _state(TIMELINE_TYPE, (TimelineEntryEvent, TimelineEntry), data, _TIMELINE_HEADERS, example)


def _state(
    kind: str, models: tuple[type[CloudEvent], type[BaseModel]], data: Json, headers: Json, example: Json
) -> Json:
    """A message that no request made: it has fewer attributes than a change. `models`: of the event and of its data."""
    event, told = models
    own = event.model_json_schema()["properties"]
    return {
        "name": kind,
        "title": kind,
        "summary": (told.__doc__ or "").strip(),
        "contentType": CONTENT_TYPE,
        "headers": headers,
        "payload": cloud_event_schema(kind, data, event),
        "bindings": _KEY,
        "examples": [{"name": kind, "payload": {name: example[name] for name in own}}],
    }


def _tombstone() -> Json:
    return {
        "name": GONE_TYPE,
        "title": GONE_TYPE,
        "summary": "A record without a value: the contact was deleted or erased.",
        "contentType": DATA_CONTENT_TYPE,
        "headers": _SNAPSHOT_HEADERS,
        "payload": {"type": "null"},
        "bindings": _KEY,
    }


def cloud_event_schema(kind: str, data: Json, model: type[CloudEvent] = ChangeEvent) -> Json:
    """The schema of an event of one type: the attributes, and its own `data`."""
    schema = model.model_json_schema()
    own = {
        "type": {"const": kind, "type": "string"},
        "dataschema": {"const": dataschema_of(kind), "type": "string"},
        "data": data,
    }
    return {"type": "object", "properties": {**schema["properties"], **own}, "required": schema["required"]}


def _header(description: str) -> Json:
    return {"type": "string", "description": description}


_HEADERS: Json = {
    "type": "object",
    "properties": {
        "content-type": _header(
            f"`{CONTENT_TYPE}`. In binary mode, a setting of the relay, that of `data`, which is then the whole value;"
            " the attributes are headers `ce_…`."
        ),
        "traceparent": _header("As in the event."),
        "x-request-id": _header("`requestid` of the event."),
        "replay": _header("Only on a record that was published again in place: when, ISO 8601."),
    },
    "required": ["content-type", "traceparent"],
}
_SNAPSHOT_HEADERS: Json = {
    "type": "object",
    "properties": {
        TENANT_HEADER: _header("The tenant; a tombstone says it nowhere else."),
        "content-type": _HEADERS["properties"]["content-type"],
    },
    "required": [TENANT_HEADER],
}
_TIMELINE_HEADERS: Json = {
    "type": "object",
    "properties": {"content-type": _HEADERS["properties"]["content-type"]},
    "required": ["content-type"],
}
_KEY: Json = {"kafka": {"key": {"type": "string", "description": "The contact id."}, "bindingVersion": _KAFKA}}


def _inbound(topic: str, schema: Json, description: str) -> Json:
    return {"name": topic, "title": topic, "summary": description, "contentType": DATA_CONTENT_TYPE, "payload": schema}


def _dead_letter(topic: str) -> Json:
    return {
        "name": dead_letters_of(topic),
        "title": dead_letters_of(topic),
        "summary": f"A record of `{topic}` as it came, byte for byte.",
        "contentType": "application/octet-stream",
        "payload": {"description": "Anything: it could not be handled."},
    }
