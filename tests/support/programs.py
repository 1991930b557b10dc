"""Any program, run in the checkout."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def to_its_end(command: Sequence[Any], *, env: Mapping[str, str], timeout: float) -> "subprocess.CompletedProcess[str]":
    """Run it with nothing on its standard input; what it said and its exit status."""
    return subprocess.run(
        command,
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
