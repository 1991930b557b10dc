"""Processes and commands of another version of the program than ours."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from deploy.stack.processes import ManagedProcess
from tests.support.commands import RunningCommand, pathbound
from tests.support.programs import ROOT, to_its_end
from tests.support.service_processes import ServiceProcess

Program = Sequence[str]
"""What stands before the command's own words; nothing for our `pathbound`."""
OURS: Program = ()
NEXT: Program = (sys.executable, "-m", "tests.support.next_version")
UNREADABLE: Program = (*NEXT, "--unreadable")
_END_S = 20
_COMMAND_S = 120


async def roll(one: ServiceProcess, program: Program) -> None:
    """SIGTERM; when it has ended by itself, start it as of the other version, and wait until it is ready."""
    name, log = one.process.name, one.process.log
    one.process.terminate()
    status = await asyncio.to_thread(one.process.wait_exit, _END_S, threading.Event())
    assert status == 0, f"{name} ended with status {status}: {one.process.output()}"
    if program:
        one.process = ManagedProcess(name, [*program, *one.arguments], log=log, env=one.env, cwd=ROOT)
    else:
        one.process = RunningCommand(name, one.arguments, log=log, env=one.env)
    one.start()
    await one.wait_ready()


def command(program: Program, *arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """One command of another version, or ours, to its end."""
    if not program:
        return pathbound(*arguments, **env)
    return to_its_end([*program, *arguments], env={**os.environ, **env}, timeout=_COMMAND_S)
