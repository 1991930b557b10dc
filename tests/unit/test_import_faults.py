"""The file of rows that an import refused: whole after any end, and one import's at a time."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from deploy.transfer.faults import FaultFile, FaultFileError
from service.imports.model import ImportProgress, RowFault


def test_the_file_of_errors_is_whole_whenever_a_run_was_cut_off(tmp_path: Path) -> None:
    first = ImportProgress(rows=250, faults=(RowFault(4, ("x",)), RowFault(9, ("y",))))
    second = ImportProgress(rows=500, last_from=250, faults=(RowFault(300, ("z",)), RowFault(301, ("w",))))
    path = tmp_path / "errors.jsonl"
    with closing(FaultFile(path)) as undisturbed:
        undisturbed.begin()
        undisturbed.add(first)
        before = path.read_bytes()
        undisturbed.add(second)
        whole = path.read_bytes()
    for cut in range(len(before), len(whole) + 1):
        path.write_bytes(whole[:cut])
        with closing(FaultFile(path)) as faults:
            faults.go_on(second)
        assert path.read_bytes() == whole
    with closing(FaultFile(path)) as faults:
        faults.go_on(ImportProgress(rows=750, last_from=500))
    assert path.read_bytes() == whole


def test_the_file_of_errors_is_one_imports_at_a_time_and_stays_the_file_that_it_is(tmp_path: Path) -> None:
    target, path = tmp_path / "target.jsonl", tmp_path / "errors.jsonl"
    target.write_text("of an import before\n")
    path.symlink_to(target)
    with closing(FaultFile(path)) as faults:
        with pytest.raises(FaultFileError, match="another import"):
            FaultFile(target)
        faults.begin()
        faults.add(ImportProgress(rows=1, faults=(RowFault(1, ("x",)),)))
    assert path.is_symlink()
    assert json.loads(target.read_text()) == {"line": 1, "reasons": ["x"]}
    with closing(FaultFile(target)) as faults:
        faults.begin()
    assert not target.exists()
