"""The data directory: one owner, enough room, ports that stay, files that appear whole."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from deploy.stack import cache
from deploy.stack.directory import DataDirectory, write_private
from deploy.stack.errors import StackError, explain
from deploy.stack.ports import HOST, RememberedPorts, port_is_free

CHOOSE_A_PORT = """
import sys, pathlib
from deploy.stack.ports import RememberedPorts
print(RememberedPorts(pathlib.Path(sys.argv[1])).get("mongo"), flush=True)
input()
"""

Usage = namedtuple("Usage", "total used free")


def test_the_second_claim_names_the_first_owner(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path / "data")
    first.claim()
    first.claim()
    with pytest.raises(StackError, match=rf"in use by another local stack \(pid {os.getpid()}\).*--data-dir"):
        DataDirectory(tmp_path / "data").claim()
    first.release()
    first.release()
    DataDirectory(tmp_path / "data").claim()


def test_a_claim_of_a_killed_process_is_void(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from deploy.stack.directory import DataDirectory
DataDirectory(pathlib.Path({str(tmp_path)!r})).claim()
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    DataDirectory(tmp_path).claim()


def test_little_disk_space_is_told_with_number_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 123_000_000))
    with pytest.raises(StackError, match=f"Only 123 MB are free on the disk that holds {tmp_path}"):
        DataDirectory(tmp_path).claim()
    monkeypatch.setenv("PATHBOUND_CACHE_DIR", str(tmp_path))
    with pytest.raises(StackError, match="Only 123 MB are free"):
        cache.cache_directory()


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StackError, match=rf"Preparing the data directory failed in {tmp_path}/data: "):
        DataDirectory(tmp_path / "data").claim()


def test_no_space_left_is_a_sentence(tmp_path: Path) -> None:
    error = explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "Fetching Kafka", tmp_path)
    assert str(error) == (
        f"Fetching Kafka failed: the disk that holds {tmp_path} is full. Free some space or choose another directory."
    )


def test_a_private_file_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StackError, match="Writing x failed"):
        write_private(tmp_path / "no" / "x", "")


def test_ports_are_remembered_and_changed_only_if_taken(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    mongo, kafka = (RememberedPorts(file).get(name) for name in ("mongo", "kafka"))
    assert mongo != kafka
    assert (RememberedPorts(file).get("mongo"), RememberedPorts(file).get("kafka")) == (mongo, kafka)
    with socket.create_server((HOST, mongo)):
        assert not port_is_free(mongo)
        other = RememberedPorts(file).get("mongo")
        assert other not in (mongo, kafka)
    assert RememberedPorts(file).get("mongo") == other
    RememberedPorts(file).forget("kafka")
    assert "kafka" not in json.loads(file.read_text())


def test_a_port_that_another_process_chose_is_left_to_it_until_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    other = subprocess.Popen(
        [sys.executable, "-c", CHOOSE_A_PORT, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    with other:
        theirs = int(other.stdout.readline())
        assert port_is_free(theirs)
        ours = RememberedPorts(file).get("mongo")
        file.write_text(json.dumps({"mongo": theirs}))
        assert RememberedPorts(file).get("mongo") not in (theirs, ours)
        other.stdin.write("\n")
    file.write_text(json.dumps({"mongo": theirs}))
    assert RememberedPorts(file).get("mongo") == theirs


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mongo": "x"}', '{"mongo": 70000}', '{"mongo": null}'])
def test_a_spoilt_memory_of_ports_is_made_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ports.json"
    file.write_text(text)
    assert RememberedPorts(file).get("mongo") in range(20_000, 32_000)


def test_the_cache_falls_back_to_what_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("PATHBOUND_CACHE_DIR", raising=False)
    monkeypatch.setattr(cache, "REPOSITORY", tmp_path / "repository")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_directory() == tmp_path / "xdg" / "pathbound"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache.cache_directory() == tmp_path / "home" / ".cache" / "pathbound"
    monkeypatch.delenv("HOME")
    assert cache.cache_directory() == tmp_path / "repository" / ".cache"
    monkeypatch.setenv("PATHBOUND_CACHE_DIR", str(tmp_path / "file" / "sub"))
    with pytest.raises(StackError, match="PATHBOUND_CACHE_DIR"):
        cache.cache_directory()
