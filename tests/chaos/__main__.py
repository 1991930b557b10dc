"""`make chaos`: the whole system under load while everything in it is killed, frozen and cut off; then it is judged.

The seed decides which operations the clients do and which faults come when: give the same one to repeat a run, as far
as timing allows. Exit status 1 if anything is wrong; the data and logs are then kept.
"""

import argparse
import asyncio
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.arenas import one_of_each, replica_set
from tests.chaos.case import Stage, Verdict, run_case
from tests.chaos.report import report_of

CASES: dict[str, tuple[Stage, float]] = {"everything": (one_of_each, 0.6), "replica-set": (replica_set, 0.4)}
"""The part of the time that each gets."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=2.0, help="how long there are faults, in all cases together (%(default)s)"
    )
    parser.add_argument("--seed", type=int, help="repeat the run that has printed it; else a new one")
    parser.add_argument("--case", choices=list(CASES), action="append", help="only this one; may be repeated")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, seed: int, directory: Path) -> list[Verdict]:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {line}", flush=True)

    cases = {name: CASES[name] for name in arguments.case or CASES}
    whole = sum(part for _, part in cases.values())
    verdicts = []
    for name, (stage, part) in cases.items():
        seconds = arguments.minutes * 60 * part / whole
        verdicts.append(await run_case(name, stage, seed, seconds, directory / name, say))
        print(f"\n{report_of(verdicts[-1])}\n", flush=True)
    return verdicts


def main() -> None:
    """Run it."""
    arguments = _arguments()
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"Seed {seed}; to repeat: make chaos ARGS='--minutes {arguments.minutes:g} --seed {seed}'", flush=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away is no news here
    os.environ["PATHBOUND_RATE_LIMIT_PER_SECOND"] = "0"  # one key is all clients
    directory = Path(tempfile.mkdtemp(prefix="pathbound-chaos-"))
    began = time.monotonic()
    try:
        verdicts = asyncio.run(_run(arguments, seed, directory))
    except BaseException:
        print(f"Broken off; data and logs are in {directory}. Seed {seed}.", file=sys.stderr, flush=True)
        raise
    failed = [verdict.name for verdict in verdicts if verdict.faults]
    if failed:
        print(f"Data and logs are in {directory}.")
    else:
        shutil.rmtree(directory)
    passed = f"{len(verdicts) - len(failed)} passed"
    counts = f"{len(failed)} failed, {passed}" if failed else passed
    print(f"===== chaos: {counts} in {time.monotonic() - began:.0f} s, seed {seed} =====", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
