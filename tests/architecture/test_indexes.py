"""What the indexes promise, and leave alone."""

import pytest

from service.mongo.indexes import all_indexes

INDEXES = [
    pytest.param(model.document, id=f"{collection}.{model.document['name']}")
    for collection, models in all_indexes(outbox_retention_seconds=3600).items()
    for model in models
]


@pytest.mark.parametrize("index", INDEXES)
def test_nothing_but_an_id_is_unique(index: dict[str, object]) -> None:
    """On a sharded cluster no other uniqueness can be kept (deploy/docs/scaling.md)."""
    assert "unique" not in index
