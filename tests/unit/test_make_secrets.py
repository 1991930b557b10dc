"""`deploy/make-secrets`, which the way to the compose files begins with."""

import subprocess
from pathlib import Path

MAKE_SECRETS = Path(__file__).parents[2] / "deploy" / "make-secrets"


def made(directory: Path) -> dict[str, bytes]:
    done = subprocess.run([MAKE_SECRETS, directory], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"The secrets are in {directory}.\n", "")
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_second_run_keeps_what_is_there_without_a_word_of_error(tmp_path: Path) -> None:
    first = made(tmp_path / "secrets")
    assert all(first.values())
    assert made(tmp_path / "secrets") == first
    (tmp_path / "secrets" / "grafana_password").unlink()
    again = made(tmp_path / "secrets")
    assert {name for name in first if again[name] != first[name]} == {"grafana_password"}
