"""What an operator watches with, read from deploy/: alert rules, dashboards, the runbook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
ALERT_TESTS = DEPLOY / "prometheus" / "alerts.test.yml"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yml"
RUNBOOK = DEPLOY / "docs" / "runbook.md"
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))


class Shown(NamedTuple):
    """A query, where it stands, and what is written beside its result."""

    where: str
    query: str
    told: str


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels(dashboard: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dashboard.read_text())["panels"]
    return found


def shown() -> Iterator[Shown]:
    """Every query of every rule and panel."""
    for rule in alerts():
        yield Shown(rule["alert"], rule["expr"], re.sub(r"\$labels\.", "", rule["annotations"]["summary"]))
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield Shown(f"{dashboard.name}: {panel['title']}", target["expr"], target["legendFormat"])


def scraped_jobs() -> dict[str, str]:
    """The compose services that Prometheus asks, and the `job` that each gets."""
    [scrape] = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    jobs = {name: scrape["job_name"] for discovery in scrape["dns_sd_configs"] for name in discovery["names"]}
    for rule in scrape["relabel_configs"]:
        if rule["target_label"] == "job":
            replacement = rule["replacement"].replace("$", "\\")
            found = {name: re.fullmatch(rule["regex"], name) for name in jobs}
            jobs |= {name: match.expand(replacement) for name, match in found.items() if match}
    return jobs


def variable_queries() -> Iterator[tuple[str, str]]:
    """Metric and label of each `label_values(metric, label)` that fills a dashboard's variable."""
    for dashboard in DASHBOARDS:
        for variable in json.loads(dashboard.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
                assert match, variable["query"]
                yield match[1], match[2]
