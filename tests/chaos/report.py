"""What a run came to, for people."""

from collections.abc import Iterator

from tests.chaos.case import Verdict

_FAULTS_SHOWN = 40


def report_of(verdict: Verdict) -> str:
    """One case: what was done to it, what it did, what is wrong."""
    return "\n".join(_lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    yield f"=== {verdict.name}: {verdict.seconds:.0f} s in all"
    left_out = f" ({verdict.left_out} left out: their targets were not back in time)" if verdict.left_out else ""
    yield f"{verdict.struck.total()} faults{left_out}"
    for (target, blow), count in sorted(verdict.struck.items()):
        yield f"  {count:4}  {target}: {blow}"
    again = verdict.asked_again.total()
    yield f"{verdict.done.total()} operations, {again} of them not at the first try"
    for kind, count in sorted(verdict.done.items()):
        yield f"  {count:4}  {kind}" + (f" ({verdict.asked_again[kind]} again)" if verdict.asked_again[kind] else "")
    yield "looked at: " + ", ".join(f"{count} {what}" for what, count in verdict.found.items())
    if not verdict.faults:
        yield "Nothing is lost, nothing is there twice, nothing is left over."
        return
    yield f"{len(verdict.faults)} THINGS ARE WRONG"
    yield from (f"  {fault}" for fault in verdict.faults[:_FAULTS_SHOWN])
    if len(verdict.faults) > _FAULTS_SHOWN:
        yield f"  ... and {len(verdict.faults) - _FAULTS_SHOWN} more"
