"""The list of metrics for people, made of `service/ops/metrics.py`: its calls, and the comments above them.

`make metrics` writes it. The source is read, not imported: what the comments say is half of what an operator needs.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "service" / "ops" / "metrics.py"
DOCUMENT = ROOT / "deploy" / "docs" / "metrics.md"
_SECTION = "# --- "

_HEAD = """\
# Metrics

Made of `service/ops/metrics.py` by `make metrics`; change them there.

Every process serves its own at `/metrics`: the API on its port (`PATHBOUND_API_PORT`), the others on
`PATHBOUND_OPS_PORT`. Labels are few and bounded: never a tenant, an id, a key or an address. A counter's name ends in
`_total`; a histogram has `_bucket` (with the label `le`), `_sum` and `_count`. The Prometheus client adds `process_…`
(memory, CPU, open files, start) and `python_…`.

Scraping adds `job` (`pathbound-api`, `pathbound-relay`, `pathbound-consumer-tracker`, `-gmail`, `-intercom`),
`instance` and, in Kubernetes, `namespace` and `pod`. Dashboards are in `deploy/grafana`, alert rules in
`deploy/prometheus`, what to do about an alert in [the runbook](runbook.md).
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as its source describes it."""

    section: str
    name: str
    kind: str
    help: str
    labels: tuple[str, ...]
    comment: str

    @property
    def series(self) -> dict[str, tuple[str, ...]]:
        """The names that Prometheus stores it under, each with its labels."""
        if self.kind != "histogram":
            return {self.name: self.labels}
        named = {f"{self.name}_{part}": self.labels for part in ("sum", "count")}
        return named | {f"{self.name}_bucket": (*self.labels, "le")}


def all_metrics(source: str | None = None) -> list[Metric]:
    """Every metric in the order of the source; one right below another shares its comment, and has none.

    Raises ValueError for any other without a comment, and outside a section.
    """
    text = SOURCE.read_text() if source is None else source
    return list(_read(text))


def document() -> str:
    """The whole list, as Markdown."""
    parts, section = [_HEAD], ""
    for metric in all_metrics():
        if metric.section != section:
            section = metric.section
            parts.append(f"\n## {section}\n")
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        told = f"{metric.kind}{f', by {labels}' if labels else ''}"
        parts.append(f"\n**`{metric.name}`** ({told}): {metric.help}\n{metric.comment}".rstrip() + "\n")
    return "".join(parts)


def _read(text: str) -> Iterator[Metric]:
    lines, above = text.splitlines(), 0
    for node in ast.parse(text).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.value, ast.Call):
            continue
        kind = ast.unparse(node.value.func).lower()
        name, told, *rest = (ast.literal_eval(argument) for argument in node.value.args)
        labels: list[Any] = rest[0] if rest else []
        comment, section = _comment_above(lines, node.lineno - 1), _section_above(lines, node.lineno - 1)
        if not section or not (comment or above == node.lineno - 1):
            raise ValueError(f"{name} needs a comment above it, and a section.")
        above = node.end_lineno or 0
        yield Metric(section, name, kind, told, tuple(labels), comment)


def _comment_above(lines: list[str], index: int) -> str:
    """The comment that ends on the line before `index`, in one line per line of its own."""
    found: list[str] = []
    while index and lines[index - 1].startswith("# ") and not lines[index - 1].startswith(_SECTION):
        index -= 1
        found.insert(0, lines[index].removeprefix("# "))
    return "\n".join(found)


def _section_above(lines: list[str], index: int) -> str:
    titles = [line for line in lines[:index] if line.startswith(_SECTION)]
    return titles[-1].strip("# -") if titles else ""


if __name__ == "__main__":
    DOCUMENT.write_text(document())
    print(f"Wrote {DOCUMENT}.")
