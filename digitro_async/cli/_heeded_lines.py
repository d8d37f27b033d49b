"""Says what the rules of calling made of a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from digitro_async._common.reason_words import words_of
from digitro_async.cli._output import print_error

if TYPE_CHECKING:
    from digitro_async.rules import BlockReading, ShortCallLevel, StopReason

__all__ = [
    "Heeding",
    "counts_of_rules",
    "heeding_of",
    "say_block_readings",
    "summary_of_rules",
]

_STOPPED: Final = {
    "stop_time": "its time has come",
    "stop_calls": "it has made its calls",
    "stop_answered": "as many calls were answered as were wanted",
    "stop_reached_share": "the share of contacts that was wanted was reached",
    "stop_share": "too large a share of calls ended in a way that was named",
}


class Heeding(Protocol):
    """What a run tells of the rules that it applies: see ``RulesInForce``."""

    @property
    def deferred(self) -> Mapping[str, int]:
        """Contacts that were put off, by reason."""
        ...

    @property
    def refused(self) -> Mapping[str, int]:
        """Contacts that are never called, by reason."""
        ...

    @property
    def recalls(self) -> int:
        """Contacts that are to be tried again."""
        ...

    @property
    def callbacks(self) -> int:
        """Calls that were made as they were agreed on."""
        ...

    @property
    def stopped(self) -> "StopReason | None":
        """Why the rules ended the run; None where they did not."""
        ...

    @property
    def waits_until(self) -> float | None:
        """When the next contact is due, while nobody may be called before."""
        ...

    @property
    def short_calls(self) -> "ShortCallLevel":
        """How near the day is to too many short calls."""
        ...

    @property
    def block_readings(self) -> "Sequence[BlockReading]":
        """What was to be told of block files that were read again."""
        ...

    async def look(self) -> None:
        """Take over blocks and callbacks that were ordered."""
        ...


def heeding_of(run: object) -> Heeding | None:
    """Return what a run tells of the rules that it applies; None without any."""
    found: Heeding | None = getattr(run, "heeding", None)
    return found


def counts_of_rules(heeding: Heeding | None) -> dict[str, int]:
    """Return what rules did in a run so far, by a word; what is 0 is left out."""
    if heeding is None:
        return {}
    counts = {
        "deferred": sum(heeding.deferred.values()),
        "refused": sum(heeding.refused.values()),
        "recalls": heeding.recalls,
        "callbacks": heeding.callbacks,
    }
    return {name: count for name, count in counts.items() if count}


def summary_of_rules(heeding: Heeding | None) -> Iterator[str]:
    """Yield the lines that a run by rules ends with."""
    if heeding is None:
        return
    reasons = {"deferred": heeding.deferred, "refused": heeding.refused}
    for name, count in counts_of_rules(heeding).items():
        yield f"{name:<16}{count:,}"
        found = reasons.get(name, {})
        for reason in sorted(found, key=lambda one: (-found[one], one)):
            yield f"  {found[reason]:>6,}  {words_of(reason)} ({reason})"
    if heeding.short_calls in {"warn", "stop"}:
        what = "no more calls are made today" if heeding.short_calls == "stop" else ""
        yield f"short calls     many today{f': {what}' if what else ''}"
    if heeding.stopped is not None:
        yield f"stopped by the rules: {_STOPPED[heeding.stopped]} ({heeding.stopped})"


def say_block_readings(heeding: Heeding | None, told: int) -> int:
    """Print what is new of block files; return how many readings were told of.

    Args:
        heeding: What the run tells.
        told: How many were told of before.
    """
    if heeding is None:
        return told
    readings = heeding.block_readings
    for one in readings[told:]:
        said = f"{one.file}: {one.entries:,} numbers are blocked"
        if one.kept_old:
            said += f"; the entries before stay in force, as {one.kept_old}"
        print_error(said)
        for bad in one.bad_rows[:3]:
            print_error(str(bad))
    return len(readings)
