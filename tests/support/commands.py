"""The `pathbound` command as a process."""

import os
import subprocess
import sys


def pathbound(*arguments: str, typed: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with `typed` on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        env={**os.environ, **env},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
