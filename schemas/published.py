"""The JSON Schemas of what is published, as they are committed in `schemas/dataschemas/`."""

from typing import Any

from pydantic import BaseModel

from schemas.changes import DATA_MODELS, ChangeEvent, dataschema_of
from schemas.snapshots import SNAPSHOT_TYPE, ContactSnapshot
from schemas.timeline import TIMELINE_TYPE, TimelineEntry


def dataschemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas that are committed, by the name of the file: the event's own, and that of each type's `data`."""
    models: list[tuple[str, type[BaseModel]]] = [
        ("event", ChangeEvent),
        *((str(change), model) for change, model in DATA_MODELS.items()),
        (SNAPSHOT_TYPE, ContactSnapshot),
        (TIMELINE_TYPE, TimelineEntry),
    ]
    return {
        f"{name}.v1.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": dataschema_of(name),
            **model.model_json_schema(),
        }
        for name, model in models
    }
