"""The figures as a table for people, and as JSON for whoever compares runs."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure, Mark

_HEAD = ("what", "measured", "ceiling", "ratio", "mark", "met")


def table(figures: Sequence[Figure]) -> str:
    """One row for each."""
    return aligned([_HEAD, *(_cells(figure) for figure in figures)])


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns; the first row is their head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def write_json(path: Path, figures: Sequence[Figure], conditions: dict[str, Any]) -> None:
    """Everything, each round included."""
    whole = {"conditions": conditions, "figures": [_record(figure) for figure in figures]}
    path.write_text(json.dumps(whole, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """Where it ran."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: ""}[figure.met]
    ceiling = f"{_number(figure.ceiling)} {figure.ceiling_name}" if figure.ceiling is not None else ""
    ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
    return figure.name, f"{_number(figure.value)} {figure.unit}", ceiling, ratio, _mark(figure.mark), met


def _mark(mark: Mark | None) -> str:
    return "" if mark is None else f"{mark.of} {mark.sense} {mark.limit:g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _record(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "value": round(figure.value, 3),
        "unit": figure.unit,
        "ceiling": None if figure.ceiling is None else round(figure.ceiling, 3),
        "ceiling_name": figure.ceiling_name or None,
        "ratio": None if figure.ratio is None else round(figure.ratio, 3),
        "mark": None if figure.mark is None else _mark(figure.mark),
        "met": figure.met,
        "details": figure.details,
    }
