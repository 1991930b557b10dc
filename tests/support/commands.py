"""The `pathbound` command as a process."""

import os
import subprocess
import sys


def pathbound(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
