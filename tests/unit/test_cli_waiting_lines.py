"""Lines about contacts that wait, in ``digitro status`` and at the end of a dial."""

from digitro_async.cli._waiting_contacts import waiting_lines
from digitro_async.ledger import WaitCounts, WaitKind


def test_counts_stand_apart_from_names_however_long() -> None:
    """A long reason does not run into its count, and all counts are in one column."""
    counts = WaitCounts(
        kinds={WaitKind.DEFERRED: 5, WaitKind.RECALL: 12},
        reasons={"connection_refused": 4, "spacing": 1},
        next_due=None,
    )

    head, *lines = waiting_lines(counts)

    assert head == "  of the pending, 17 wait"
    assert "      connection_refused  4" in lines
    assert len({line.rindex(" ") for line in lines}) == 1


def test_one_waits() -> None:
    """Of a single contact the line says that it waits."""
    [head, *_] = waiting_lines(
        WaitCounts(kinds={WaitKind.CALLBACK: 1}, reasons={}, next_due=None)
    )

    assert head == "  of the pending, 1 waits"
