"""PURE: the commands with which a run is looked at and gone on with."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from digitro_async.ledger._state import State

__all__ = ["next_steps"]


def next_steps(
    ledger: str,
    config: Path,
    states: Mapping[State, int],
    exhausted: int,
    ends: int = 0,
    *,
    rules: Path | None = None,
) -> list[str]:
    """Return a line for each command that makes sense now, ready to be typed.

    Args:
        ledger: The words that name the ledger, such as ``--ledger campaign.db``.
        config: The configuration file.
        states: State to how many contacts of the ledger are in it.
        exhausted: Pending contacts that had their last attempt.
        ends: Calls whose ends are to come.
        rules: The rules file that was named on the command line, if any: who waits by
            rules is to be called by them, too.
    """
    name, file = ledger, shlex.quote(str(config))
    given = "" if file == "digitro.toml" else f" --config {file}"
    if rules is not None:
        given += f" --rules {shlex.quote(str(rules))}"
    pending, unknown = states[State.PENDING] - exhausted, states[State.UNKNOWN]
    withheld = states.get(State.WITHHELD, 0)
    steps = []
    if pending > 0:
        steps.append(f"dial the {pending:,} pending: digitro dial {name}{given}")
    elif ends:
        steps.append(f"record the {ends:,} ends to come: digitro dial {name}{given}")
    if withheld:
        shown = f"digitro results {name} --state withheld"
        steps.append(f"list the {withheld:,} withheld: {shown}")
    if unknown:
        settle = f"digitro reconcile CONTACT not-placed {name} --evidence TEXT"
        steps += [
            f"list the {unknown:,} unknown: digitro results {name} --state unknown",
            f"settle one of them (or as accepted): {settle}",
        ]
    if steps:
        steps.append(f"see how it stands: digitro status {name}")
    return [*steps, f"each result: digitro results {name}"]
