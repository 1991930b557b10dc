"""The list of metrics is current, and what it says is what a process tells."""

import pytest
from prometheus_client import REGISTRY

import service.ops.metrics  # noqa: F401 - fills the registry
from deploy.metrics_reference import DOCUMENT, all_metrics, document
from service.ledger.model import Outcome


def test_the_committed_list_is_current() -> None:
    assert DOCUMENT.read_text() == document(), "run `make metrics`"


def test_the_list_is_what_a_process_tells() -> None:
    told = {
        (family.name, family.type, family.documentation)
        for family in REGISTRY.collect()
        if family.name.startswith("pathbound_")
    }
    assert {(metric.name.removesuffix("_total"), metric.kind, metric.help) for metric in all_metrics()} == told


def test_labels_never_name_who_or_what_came() -> None:
    bounded = {"source", "outcome", "stage", "error", "error_class", "topic", "partition", "shard"}
    assert {label for metric in all_metrics() for label in metric.labels} <= bounded | {"method", "route", "status"}


def test_every_outcome_is_explained() -> None:
    [told] = [metric.comment for metric in all_metrics() if metric.name == "pathbound_consumer_records_total"]
    assert [outcome for outcome in Outcome if outcome not in told] == []


def test_a_metric_that_explains_nothing_is_refused() -> None:
    pair = '# --- API ---\n# Both.\nA: Final = Counter("a_total", "A.")\nB: Final = Counter("b_total", "B.")\n'
    assert [(metric.name, metric.comment) for metric in all_metrics(pair)] == [("a_total", "Both."), ("b_total", "")]
    bare = '# --- API ---\n\nLOOSE: Final = Counter("loose_total", "Loose.")\n'
    with pytest.raises(ValueError, match="loose_total needs a comment"):
        all_metrics(bare)
