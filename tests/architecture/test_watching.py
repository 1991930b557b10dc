"""Alerts, dashboards and the runbook speak of metrics, labels and commands that exist, and of each other."""

import re
import shlex

import click
import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.cli.main import pathbound
from deploy.metrics_reference import all_metrics
from schemas.topics import SOURCES
from service.ledger.model import Outcome
from service.outbox.model import SHARDS
from tests.support import promql
from tests.support.watching import (
    ALERT_TESTS,
    DASHBOARDS,
    RUNBOOK,
    Shown,
    alerts,
    panels,
    scraped_jobs,
    shown,
    variable_queries,
)

OF_SCRAPING = {"job", "instance", "namespace", "pod"}
OURS = {name: {*labels} for metric in all_metrics() for name, labels in metric.series.items()}
# The Prometheus client's own figures of the process, and Prometheus' of the scrape.
OTHERS: dict[str, set[str]] = {"up": set()}
OTHERS |= {
    sample.name: set() for family in REGISTRY.collect() for sample in family.samples if "process_" in sample.name
}
KNOWN = {name: labels | OF_SCRAPING for name, labels in (OURS | OTHERS).items()}
JOBS = {"pathbound-api", "pathbound-relay", *(f"pathbound-consumer-{source}" for source in SOURCES)}
VALUES: dict[str, set[str]] = {"outcome": set(Outcome), "source": set(SOURCES), "job": JOBS}
SECTIONS = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL))
ALERTS = {rule["alert"]: rule for rule in alerts()}


@pytest.mark.parametrize("where", list(shown()), ids=lambda shown: shown.where)
def test_a_query_names_metrics_and_labels_that_exist(where: Shown) -> None:
    _, text, told = where
    query = promql.read(text)
    assert query.metrics
    for metric in query.metrics:
        assert metric in KNOWN, f"{metric}: no such metric"
        assert query.grouping <= KNOWN[metric], f"{metric} has no labels {query.grouping - KNOWN[metric]}"
    for metric, label, operator, value in query.matchers:
        assert label in KNOWN[metric], f"{metric} has no label {label}"
        if label in VALUES and not value.startswith("$"):
            named = {one for one in VALUES[label] if re.fullmatch(value, one)}
            assert named, f"nothing has {label}{operator}{value}"
    left = query.grouping or set.intersection(*(KNOWN[metric] for metric in query.metrics))
    assert set(re.findall(r"\{\{ ?(\w+)", told)) <= left, f"the text names labels that the result has not: {told}"


def test_a_query_of_something_else_is_found_out() -> None:
    query = promql.read('sum by (sauce) (rate(pathbound_consumed_total{out!="x"}[5m])) > 1 unless time() - up > 5')
    assert query.metrics == {"pathbound_consumed_total", "up"}
    assert query.grouping == {"sauce"}
    assert query.matchers == [("pathbound_consumed_total", "out", "!=", "x")]
    with pytest.raises(ValueError, match="frate"):
        promql.read("frate(up[5m])")


def test_variables_of_dashboards_are_labels() -> None:
    found = list(variable_queries())
    assert found
    assert [pair for pair in found if pair[0] not in KNOWN or pair[1] not in KNOWN[pair[0]]] == []


def test_every_metric_is_shown_or_watched() -> None:
    named = {metric for where in shown() for metric in promql.read(where.query).metrics}
    assert [metric.name for metric in all_metrics() if not named & set(metric.series)] == []


def test_each_alert_has_its_entry_and_each_entry_its_alert() -> None:
    assert set(SECTIONS) == set(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"deploy/docs/runbook.md#{name.lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert re.findall(r"^\*\*(\w+)\.\*\*", SECTIONS[name], re.MULTILINE) == ["Symptom", "Means", "Type"], name


def test_each_alert_is_shown_to_ring() -> None:
    rings = {
        one["alertname"]
        for test in yaml.safe_load(ALERT_TESTS.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }
    assert rings == set(ALERTS)


def commands_of_the_runbook() -> list[str]:
    text = RUNBOOK.read_text()
    code = [
        *re.findall(r"(?<!`)`([^`\n]+)`", text),
        *"\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines(),
    ]
    return [match[1] for one in code if (match := re.search(r"(?:^|-- )pathbound (.+)", one))]


@pytest.mark.parametrize("typed", commands_of_the_runbook())
def test_what_the_runbook_says_to_type_is_a_command(typed: str) -> None:
    words = shlex.split(typed)
    command: click.Command = pathbound
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, f"no command {typed}"
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in options] == []


def test_panels_that_the_runbook_names_exist() -> None:
    titles = {panel["title"] for dashboard in DASHBOARDS for panel in panels(dashboard)}
    entries = "".join(SECTIONS.values()).replace("\n", " ")
    named = set(re.findall(r'panels? "([^"]+)"', entries)) | set(re.findall(r'panels "[^"]+" and "([^"]+)"', entries))
    assert len(named) > 5
    assert named <= titles


def test_the_number_of_shards_is_the_codes() -> None:
    assert f"!= {SHARDS} " in ALERTS["PathboundRelayLeases"]["expr"]
    assert f"Leases held, of {SHARDS}" in {panel["title"] for dashboard in DASHBOARDS for panel in panels(dashboard)}


def test_prometheus_scrapes_every_role_by_its_name() -> None:
    consumers = {f"consume-{source}": f"pathbound-consumer-{source}" for source in SOURCES}
    assert scraped_jobs() == {"api": "pathbound-api", "relay": "pathbound-relay"} | consumers
    assert set(scraped_jobs().values()) == JOBS
