"""Says of a ledger which contacts wait for a time, and until when."""

import datetime as dt
import time
from collections.abc import Iterator

from digitro_async.cli._output import print_error, print_line
from digitro_async.ledger import Ledger, Schedule, WaitCounts, WaitKind

__all__ = [
    "local_moment",
    "print_waiting",
    "say_left_alone",
    "schedule_of",
    "waiting_lines",
]

_SAID = {
    WaitKind.DEFERRED: "deferred",
    WaitKind.RECALL: "to be recalled",
    WaitKind.CALLBACK: "to be called back",
}


def schedule_of(ledger: Ledger) -> Schedule | None:
    """Return the schedule of a ledger, None where it keeps none."""
    found: Schedule | None = getattr(ledger, "schedule", None)
    return found


def local_moment(when: float) -> str:
    """Return a moment as ISO 8601 with the offset of this machine's zone."""
    return (
        dt.datetime.fromtimestamp(when, dt.UTC).astimezone().isoformat(" ", "seconds")
    )


def waiting_lines(waits: WaitCounts) -> Iterator[str]:
    """Yield lines about the pending contacts that wait, none where nobody does."""
    total = sum(waits.kinds.values())
    if not total:
        return
    until = "" if waits.next_due is None else f", the first until {_due(waits)}"
    yield f"  of the pending, {total:,} {'waits' if total == 1 else 'wait'}{until}"
    width = max([14, *map(len, waits.reasons)]) + 2
    for kind in WaitKind:
        if count := waits.kinds.get(kind):
            yield f"    {_SAID[kind]:<{width + 2}}{count:,}"
        if kind is WaitKind.DEFERRED:
            for reason, of_reason in sorted(
                waits.reasons.items(), key=lambda one: (-one[1], one[0])
            ):
                yield f"      {reason:<{width}}{of_reason:,}"


async def print_waiting(ledger: Ledger, max_attempts: int) -> None:
    """Print how many contacts of a ledger wait for a call, if any do."""
    schedule = schedule_of(ledger)
    if schedule is not None:
        waits = await schedule.waiting(now=time.time(), max_attempts=max_attempts)
        for line in waiting_lines(waits):
            print_line(line)


async def say_left_alone(ledger: Ledger, max_attempts: int) -> int:
    """Say which contacts a run without rules leaves alone; return how many."""
    schedule = schedule_of(ledger)
    if schedule is None:
        return 0
    waits = await schedule.waiting(now=time.time(), max_attempts=max_attempts)
    total = sum(waits.kinds.values())
    if total:
        said = ", ".join(
            f"{count:,} {_SAID[kind]}"
            for kind in WaitKind
            if (count := waits.kinds.get(kind))
        )
        print_error(
            f"{total:,} contacts wait for a time ({said}), the first until "
            f"{_due(waits)}: a run without rules leaves them alone until then "
            "(--rules FILE applies the rules they wait by)"
        )
    return total


def _due(waits: WaitCounts) -> str:
    return "later" if waits.next_due is None else local_moment(waits.next_due)
