"""Lines about the processes that dial a ledger."""

import attrs

from digitro_async.cli._worker_lines import SHOWN_SECONDS, worker_lines
from digitro_async.control import WorkerStatus

NOW = 1_800_000_000.0


def worker(name: str, *, silent_for: float) -> WorkerStatus:
    """Return a worker that gave its last sign of life so long ago."""
    return WorkerStatus(
        name=name,
        since=NOW - 10_000,
        heard_at=NOW - silent_for,
        is_alive=silent_for < 10,
        calls=7,
        in_flight=0,
        limits={"matriz": "cap"},
    )


def test_those_that_are_gone_for_long_are_counted() -> None:
    """A process that is gone is shown for some minutes, and only counted later."""
    workers = [
        worker("old", silent_for=SHOWN_SECONDS + 1),
        worker("older", silent_for=SHOWN_SECONDS + 1000),
        worker("gone", silent_for=SHOWN_SECONDS - 1),
        worker("alive", silent_for=1),
    ]

    gone, _, alive, limit, counted = worker_lines(workers, NOW)

    assert gone.startswith("  gone, since ")
    assert gone.endswith("not heard of for 299 s")
    assert alive.startswith("  alive, since ")
    assert alive.endswith("7 calls begun, 0 on the wire")
    assert limit == "    matriz: cap"
    assert counted == "  2 more ended, or fell silent, more than 5 minutes ago"


def test_one_that_ended_in_order() -> None:
    """A process that said that it ends is told apart from one that fell silent."""
    ended = attrs.evolve(worker("done", silent_for=20), has_ended=True)

    assert next(worker_lines([ended], NOW)).endswith("0 on the wire, ended 20 s ago")
