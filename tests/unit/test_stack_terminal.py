"""`pathbound up` ends with its terminal, also where nobody passes the hang-up signal on."""

import os
import pty
import sys
from pathlib import Path

import pytest

from deploy.cli.up import _watch_terminal


def test_a_terminal_that_hangs_up_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        is_gone = _watch_terminal()
        assert not is_gone()
        os.close(ours)
        assert is_gone()
        monkeypatch.undo()


def test_a_file_never_hangs_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "output").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert not _watch_terminal()()
        monkeypatch.undo()
