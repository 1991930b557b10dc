"""Prometheus' own tool reads its configuration, the rules and the dashboards' queries, and sees every alert ring."""

import re
import subprocess
from pathlib import Path

import yaml

from tests.support.watching import ALERT_TESTS, ALERTS, DASHBOARDS, PROMETHEUS, alerts, panels


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    return told


def test_the_configuration_and_the_rules_are_sound() -> None:
    assert "1 rule files found" in promtool("check", "config", PROMETHEUS)
    told = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert f"{len(alerts())} rules found" in told


def test_alerts_ring_when_they_should_and_not_else() -> None:
    assert "SUCCESS" in promtool("test", "rules", ALERT_TESTS)


def test_every_query_of_the_dashboards_is_sound(tmp_path: Path) -> None:
    """As recording rules, since promtool reads nothing of Grafana's."""
    queries = [target["expr"] for dashboard in DASHBOARDS for panel in panels(dashboard) for target in panel["targets"]]
    plain = [re.sub(r"\$\w+", "x", query.replace("$__rate_interval", "5m")) for query in queries]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(plain)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", "--lint=none", file)
