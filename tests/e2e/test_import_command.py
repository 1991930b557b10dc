"""kill -9 in the midst of an import, and the same command again: it ends as if nobody had disturbed it."""

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import orjson

from deploy.bootstrap import build_core
from deploy.transfer.columns import Columns
from deploy.transfer.faults import FaultFile
from deploy.transfer.records import RecordFile
from deploy.transfer.rows import ContactFile
from service.contacts.context import Caller
from service.erasure.marks import Marker
from service.imports.model import ImportKey
from service.imports.run import BATCH_ROWS
from service.mongo.store import MongoStore
from tests.support.commands import begun, in_bash, pathbound
from tests.support.service_processes import print_seed
from tests.support.waiting import eventually

ROWS, KILLS = 2_000, 2


def write_file(path: Path) -> None:
    """Each tenth row is refused; each seventh comes to a contact from before, and every other of those changes it."""
    lines = ["email,city,size,visitor_id"]
    for number in range(ROWS):
        again = number % 7 == 6
        who = number - again * (30 if number % 2 else 40)
        email = "nobody" if number % 10 == 9 else f"c{who}@example.com"
        lines.append(f"{email},City {number % 3},{number % 5},{'' if again else f'v-{number % 1_900}'}")
    path.write_text("\n".join(lines))


async def told(store: MongoStore, tenant: str) -> dict[str, list[Any]]:
    """For each address: every change with its number, and what the contact has since; and the timeline's part of it."""
    found: dict[str, list[Any]] = {}
    async for contact in store.database["contacts"].find({"tenant_id": tenant}):
        found[contact["_id"]] = [contact["email"], contact["properties"], contact["visitor_ids"], contact["version"]]
    async for record in store.database["outbox"].find({"tenant_id": tenant}).sort("sequence", 1):
        event = orjson.loads(record["value"])
        found[record["contact_id"]].append([record["sequence"], event["type"], event["data"]["contact"]["properties"]])
    async for event in store.database["events"].find({"tenant_id": tenant}).sort("_id", 1):
        found[event["contact_id"]].append(event["event"])
    return {one[0]: one[1:] for one in found.values()}


async def test_a_killed_import_goes_on_and_ends_as_an_undisturbed_one(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    dice = print_seed("test_a_killed_import_goes_on_and_ends_as_an_undisturbed_one")
    path = tmp_path / "contacts.csv"
    write_file(path)
    counted = await undisturbed(store, "calm", path, tmp_path / "calm.jsonl")

    errors = tmp_path / "contacts.csv.errors.jsonl"
    arguments = ("import", str(path), "--tenant", "wild", "--json")
    for _ in range(KILLS):
        before = await rows_done(store)
        with begun(*arguments, env=env, stderr=subprocess.DEVNULL) as killed:
            enough = before + dice.randrange(1, ROWS // (KILLS + 1))

            async def went_on(enough: int = enough) -> bool:
                return await rows_done(store) >= enough

            await eventually(went_on, 60, "some more rows are done")
            killed.kill()
    assert 0 < await rows_done(store) < ROWS

    done = await asyncio.to_thread(pathbound, *arguments, **env)
    assert done.returncode == 3, done
    assert "Going on behind" in done.stderr
    counts = json.loads(done.stdout)
    assert {name: counts[name] for name in counted} == counted
    wild, calm = await told(store, "wild"), await told(store, "calm")
    assert wild == calm
    assert errors.read_text() == (tmp_path / "calm.jsonl").read_text()
    # It was worth comparing: rows of every fate.
    assert all(counts[fate] for fate in ("created", "updated", "unchanged", "refused"))


@asynccontextmanager
async def half_done(store: MongoStore, env: dict[str, str], path: Path) -> AsyncIterator["subprocess.Popen[str]"]:
    """An import that has done some of the file's rows, and goes on."""
    with begun("import", str(path), "--tenant", "wild", env=env, stderr=subprocess.PIPE) as running:

        async def some_done() -> bool:
            return await rows_done(store) > 0

        await eventually(some_done, 60, "some rows are done")
        yield running


async def test_one_that_still_looks_through_a_large_file_ends_when_it_is_asked_to(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    """It read all of it first (minutes, for gigabytes), and then said nothing of what it had done."""
    path, errors = tmp_path / "contacts.csv", tmp_path / "errors.jsonl"
    path.write_text("email\n" + "ada@example.com\n" * 3_000_000)
    arguments = ("import", str(path), "--tenant", "wild", "--errors", str(errors))
    with begun(*arguments, env=env, stderr=subprocess.PIPE) as running:

        async def reads() -> bool:
            return errors.exists()

        await eventually(reads, 60, "it has begun to read")
        running.send_signal(signal.SIGINT)
        _, told = await asyncio.to_thread(running.communicate)
    assert (running.returncode, told) == (
        1,
        "Error: Stopped while the file was looked through: nothing was imported.\n",
    )
    assert not errors.exists()
    assert await rows_done(store) == 0


async def test_a_file_that_changes_meanwhile_stops_the_import_which_tells_what_is_done(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "contacts.csv"
    write_file(path)
    async with half_done(store, env, path) as running:
        with path.open("a") as file:
            file.write("\nlate@exam")
        _, told = await asyncio.to_thread(running.communicate)
    done = await rows_done(store)
    assert (running.returncode, 0 < done < ROWS) == (1, True), told
    assert (
        f"The file was changed while it was read: give the command again once it is complete. The first {done:,}"
        in told
    )
    assert "Nothing was imported" not in told


async def undisturbed(store: MongoStore, tenant: str, path: Path, errors: Path) -> dict[str, int]:
    """The same import in this process; what it counted."""
    contacts = ContactFile(RecordFile(path, is_csv=True), Columns({}))
    key, caller = ImportKey(tenant, contacts.digest()), Caller(tenant, None, None)
    importer = build_core(store).import_contacts
    with closing(FaultFile(errors)) as faults:
        assert await importer(key, caller, contacts.rows, faults.add, asyncio.Event())
    progress = await importer.started(key)
    return {name: getattr(progress, name) for name in ("rows", "created", "updated", "unchanged", "refused")}


async def rows_done(store: MongoStore) -> int:
    found = await store.database["imports"].find_one({"_id.tenant_id": "wild"})
    return found["rows"] if found else 0


async def test_the_command_does_not_import_what_it_could_not_keep_out(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    """Without the secret of erasures it would not see who was erased: the contact's later visits would be refused."""
    await store.marks.introduce(Marker("s" * 32).fingerprint)
    path = tmp_path / "contacts.jsonl"
    path.write_text('{"email": "ada@example.com"}')
    arguments = ("import", str(path), "--tenant", "acme")
    for secret in ("", "t" * 32):
        refused = await asyncio.to_thread(pathbound, *arguments, **env, PATHBOUND_ERASURE_SECRET=secret)
        assert refused.returncode == 1
        assert "PATHBOUND_ERASURE_SECRET" in refused.stderr
    assert await store.database["contacts"].count_documents({}) == 0
    done = await asyncio.to_thread(pathbound, *arguments, **env, PATHBOUND_ERASURE_SECRET="s" * 32)
    assert done.returncode == 0, done


async def test_a_file_or_place_that_would_lose_rows_is_refused_at_once(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "contacts.jsonl"
    path.write_text('{"email": "hunter2"}\n{"email": "ada@example.com"}\n')
    content, arguments = path.read_bytes(), ("import", str(path), "--tenant", "acme")
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    for wrong, told in (
        (("import", str(pipe), "--tenant", "acme"), "FILE is a pipe"),
        ((*arguments, "--errors", str(path)), "--errors is FILE itself"),
        ((*arguments, "--errors", str(pipe)), "is no ordinary file"),
        ((*arguments, "--errors", str(tmp_path / "none" / "errors")), "there is no directory"),
        ((*arguments, "--delimiter", "\\t"), "a tab is written"),
    ):
        refused = await asyncio.to_thread(pathbound, *wrong, **env)
        assert (refused.returncode, "crashed" in refused.stderr) == (2, False), refused
        assert told in refused.stderr
    assert path.read_bytes() == content
    assert pipe.is_fifo()
    assert await store.database["contacts"].count_documents({}) == 0

    # What only shows later, as a full disk does, is said in a sentence too, and nothing is lost by it.
    errors = tmp_path / "contacts.jsonl.errors.jsonl"
    cut = in_bash(f"ulimit -f 0; exec PATHBOUND import {path} --tenant acme", env)
    assert (cut.returncode, "crashed" in cut.stderr) == (1, False), cut
    assert f"{errors} cannot be written: File too large. The same command goes on from here." in cut.stderr
    done = await asyncio.to_thread(pathbound, *arguments, **env)
    assert done.returncode == 3, done
    assert [json.loads(line)["line"] for line in errors.read_text().splitlines()] == [1]


async def test_of_two_imports_with_one_file_of_errors_the_second_is_refused(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    """They would write over each other, though each is of another tenant."""
    path = tmp_path / "contacts.csv"
    write_file(path)
    async with half_done(store, env, path) as running:
        running.send_signal(signal.SIGSTOP)
        refused = await asyncio.to_thread(pathbound, "import", str(path), "--tenant", "another", **env)
        assert refused.returncode == 2
        assert f"{path}.errors.jsonl is written by another import" in refused.stderr
        running.kill()
    assert await store.database["contacts"].count_documents({"tenant_id": "another"}) == 0
    done = await asyncio.to_thread(pathbound, "import", str(path), "--tenant", "another", **env)
    assert done.returncode == 3, done


async def test_how_far_it_is_stays_on_its_line_in_a_narrow_terminal(
    store: MongoStore, env: dict[str, str], tmp_path: Path
) -> None:
    """Each batch left a line behind: thousands for a large file."""
    path = tmp_path / "contacts.csv"
    write_file(path)
    ours, theirs = pty.openpty()
    narrow = {**env, "COLUMNS": "40"}
    running = begun("import", str(path), "--tenant", "wild", env=narrow, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = await asyncio.to_thread(read_to_the_end, ours)
    assert running.wait() == 3
    bars = [re.sub(r"\x1b\[\?25[lh]", "", one) for one in re.split("[\r\n]+", shown) if "Rows  [" in one]
    assert len(bars) > ROWS / BATCH_ROWS
    assert max(map(len, bars)) == 40


def read_to_the_end(terminal: int) -> str:
    """What is written on a terminal until nobody has it open any more, which reading tells by an error."""
    shown = b""
    with suppress(OSError):
        while block := os.read(terminal, 4096):
            shown += block
    os.close(terminal)
    return shown.decode()
