"""Kills a dialling process again and again, and checks that nobody was called twice.

``check`` is pure: it believes the simulator's own record and holds the ledger against
it. The rest is a program::

    python tests/crash/crash_checker.py --kills 300 --faults
    python tests/crash/crash_checker.py --kills 100 --world

With ``--world`` what is around the library breaks too: see ``crash_world.py``.
It forks warm children instead of starting interpreters, so a kill costs little more
than the time that the child may dial. Exit code 0: nothing is wrong, 1: something is.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs

if __name__ == "__main__":  # pytest finds what several folders share by itself
    sys.path.append(str(Path(__file__).parents[1] / "support"))

import crash_child
from crash_child import BUGS, Job
from crash_processes import FAULTS, LATENCY, Child, simulate
from crash_violations import (
    MAX_ATTEMPTS,
    OPEN,
    Received,
    Row,
    Violation,
    check,
    leaves_contacts,
    look_inside,
    read_ledger,
    read_record,
    worst_window,
)
from crash_world_child import WORLD_BUGS

from digitro_async import RateLimit
from digitro_async.ledger import State
from digitro_async.testing import (
    sample_contacts,
    write_sample_file,
)


@attrs.frozen(kw_only=True)
class Plan:
    """The work of one run of the program.

    Attributes:
        stops: How often the dialling process is stopped.
        gently: Whether by SIGTERM instead of SIGKILL.
        contacts: Length of the list; None for as long as is needed.
        in_flight: Most calls on the wire at once.
        rate: Calls of the cap in a window; 0 for none.
        per: Seconds of that window.
        faults: Whether the simulator misbehaves.
        seed: Of everything random.
        bug: A mistake to put into the children.
        public: Whether calls are sent by aiohttp's sessions.
    """

    stops: int
    gently: bool = False
    contacts: int | None = None
    in_flight: int = 24
    rate: int = 300
    per: float = 1.0
    faults: bool = False
    seed: int = 0
    bug: str | None = None
    public: bool = False

    @property
    def cap(self) -> RateLimit | None:
        """The cap."""
        return RateLimit(self.rate, self.per) if self.rate else None

    def moments(self) -> list[float]:
        """Return how long each child may dial; below zero: not even that.

        One in eight is stopped while it opens the ledger, that long after its start.
        """
        chance = random.Random(self.seed)
        return [
            -chance.uniform(0, 0.05)
            if number % 8 == 7 and not self.gently
            else chance.uniform(0.15, 0.7)
            for number in range(self.stops)
        ]

    def size(self) -> int:
        """Return how many contacts are enough for every stop."""
        if self.contacts is not None:
            return self.contacts
        pace = self.rate / self.per or self.in_flight / (sum(LATENCY) / 2)
        dialled = sum(moment for moment in self.moments() if moment > 0)
        return round(pace * (dialled + 0.5)) + 20


@attrs.frozen(kw_only=True)
class Report:
    """The results of one run.

    Attributes:
        figures: What was counted, by name.
        violations: What is wrong.
    """

    figures: Mapping[str, object]
    violations: Sequence[Violation]

    def show(self) -> int:
        """Print it all, and return the program's exit code."""
        for name, figure in self.figures.items():
            show(name, figure)
        for kind, number in Counter(one.kind for one in self.violations).items():
            examples = [one.what for one in self.violations if one.kind == kind][:3]
            show(f"VIOLATED {kind}", f"{number}: {'; '.join(examples)}")
        return 1 if self.violations else 0


class TooFewContactsError(Exception):
    """The list was dialled to its end before half of the stops."""


def run(plan: Plan, folder: Path) -> Report:
    """Do what a plan says, in an empty folder."""
    began = time.monotonic()
    contacts, record = folder / "contacts.csv", folder / "record.jsonl"
    job = Job(ledger=folder / "ledger.db", rate=plan.cap, bug=plan.bug)
    job = attrs.evolve(job, in_flight=plan.in_flight, public=plan.public)
    write_sample_file(contacts, plan.size(), seed=plan.seed)
    faults = FAULTS if plan.faults else None
    simulator = Child(partial(simulate, record, faults, plan.seed))
    try:
        job = attrs.evolve(job, base_url=simulator.hear())
        _put_in(job, contacts, random.Random(plan.seed))
        found = list(_stop_again_and_again(plan, job))
        dialled = time.monotonic() - began
        found += _dial_to_the_end(job)
    finally:
        simulator.signal(signal.SIGTERM)
        ambiguous = int(simulator.hear() or 0)
        simulator.wait()
    rows, events = read_ledger(job.ledger)
    posts = read_record(record, Received)
    found += check(
        posts,
        rows,
        events,
        imported=[one["destination"] for one in _imported(plan)],
        kills=0 if plan.gently else plan.stops,
        in_flight=plan.in_flight,
        ambiguous_faults=ambiguous,
        cap=plan.cap,
    )
    figures = {
        **_figures(plan, posts, rows, found),
        "ambiguous faults": ambiguous,
        "seconds of stops": f"{dialled:.1f}",
        "seconds in all": f"{time.monotonic() - began:.1f}",
    }
    return Report(figures=figures, violations=found)


def _imported(plan: Plan) -> Iterable[Mapping[str, str]]:
    return sample_contacts(plan.size(), seed=plan.seed)


def _put_in(job: Job, contacts: Path, chance: random.Random) -> None:
    """Put the list into the ledger, killed twice meanwhile."""
    for _ in range(2):
        child = Child(partial(crash_child.put_in, job, contacts))
        child.hear()
        time.sleep(chance.uniform(0, 0.1))
        child.signal(signal.SIGKILL)
        child.wait()
    child = Child(partial(crash_child.put_in, job, contacts))
    if child.wait():
        raise ChildProcessError("the contacts can't be put in")


def _stop_again_and_again(plan: Plan, job: Job) -> Iterator[Violation]:
    for number, moment in enumerate(plan.moments()):
        child = Child(partial(crash_child.dial, job))
        if moment > 0:
            child.hear()
        time.sleep(abs(moment))
        child.signal(signal.SIGTERM if plan.gently else signal.SIGKILL)
        code = child.wait()
        if code != (0 if plan.gently else -signal.SIGKILL):
            if code == 0 and 2 * number < plan.stops:
                raise TooFewContactsError("the list is too short: --contacts more")
            if code == 0:
                return  # the moment came late, and the list was dialled before it
            yield Violation("failed", f"a child ended with {code}")
        # What it sent is read by now, as after any start of an interpreter.
        time.sleep(0.01)
        yield from _look(job.ledger)
        if plan.gently:
            yield from _look_for_the_open(job.ledger)


def _dial_to_the_end(job: Job) -> Iterator[Violation]:
    """Dial until a run leaves no contact to the next; each of them is one attempt."""
    for _ in range(MAX_ATTEMPTS):
        child = Child(partial(crash_child.dial, job))
        child.hear()
        if child.wait():
            yield Violation("failed", "the last run")
        yield from _look(job.ledger)
        if not leaves_contacts(job.ledger):
            break


def _look(ledger: Path) -> Iterator[Violation]:
    verdict, _ = look_inside(ledger)
    if verdict != "ok":
        yield Violation("integrity", verdict)


def _look_for_the_open(ledger: Path) -> Iterator[Violation]:
    """Nothing is left open by a child that ended by itself."""
    _, counts = look_inside(ledger)
    for state in OPEN:
        if counts[state]:
            yield Violation("left_open", f"{counts[state]} {state}")


def _figures(
    plan: Plan,
    posts: Sequence[Received],
    rows: Sequence[Row],
    found: Sequence[Violation],
) -> dict[str, object]:
    states = Counter(row.state for row in rows)
    kinds = Counter(one.kind for one in found)
    orphans = [row for row in rows if row.reason == "owner_gone"]
    rang = {post.destination for post in posts if post.placed}
    bound = 0 if plan.gently else plan.stops * plan.in_flight
    return {
        "stops": f"{plan.stops} {'SIGTERM' if plan.gently else 'SIGKILL'}",
        "contacts": len(rows),
        "received": len(posts),
        "placed": sum(post.placed for post in posts),
        **{str(state): states[state] for state in State if states[state]},
        "doubles": kinds["double"],
        "lost": kinds["missing"] + kinds["not_terminal"] + kinds["unexplained"],
        "unrecorded": kinds["no_intent"],
        "unknown from crashes": f"{len(orphans)} (bound {bound})",
        "of them placed": sum(row.destination in rang for row in orphans),
        "worst window": f"{worst_window(posts, plan.per)} (cap {plan.rate or 'none'})",
    }


# The command line.


def show(name: str, figure: object) -> None:
    """Write one figure."""
    sys.stdout.write(f"{name:<22} {figure}\n")
    sys.stdout.flush()


def report_on(act: Callable[[Path], Report], *, keep: bool, is_spoilt: bool) -> int:
    """Do something in a new folder, and print what came of it.

    Args:
        act: What is done, given the folder.
        keep: Whether its files stay.
        is_spoilt: Whether a mistake was put in. Without one, the files of a run in
            which something is wrong stay in any case.

    Returns:
        The program's exit code.
    """
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    is_well = is_spoilt
    try:
        code = act(folder).show()
        is_well |= not code
        return code
    finally:
        if keep or not is_well:
            show("files", folder)
        else:
            shutil.rmtree(folder)


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=25, dest="stops")
    parser.add_argument("--gently", action="store_true", help="SIGTERM, not SIGKILL")
    parser.add_argument("--contacts", type=int)
    parser.add_argument("--in-flight", type=int, default=24)
    parser.add_argument("--rate", type=int, default=300, help="cap; 0 for none")
    parser.add_argument("--per", type=float, default=1.0, help="seconds of the cap")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--bug", choices={**BUGS, **WORLD_BUGS})
    parser.add_argument("--public", action="store_true", help="by aiohttp's sessions")
    parser.add_argument("--keep", action="store_true", help="keep the files")
    parser.add_argument("--world", action="store_true", help="the world breaks too")
    given = vars(parser.parse_args())
    keep = given.pop("keep")
    if given.pop("world"):
        import crash_world  # which is made of this module

        plain = parser.parse_args([])
        for name in ("gently", "in_flight", "rate", "per", "faults", "public"):
            if given.pop(name) != getattr(plain, name):
                parser.error(f"--world goes without --{name.replace('_', '-')}")
        return crash_world.main({"kills": given.pop("stops"), **given}, keep=keep)
    plan = Plan(**given)
    show("seed", plan.seed)
    try:
        return report_on(partial(run, plan), keep=keep, is_spoilt=plan.bug is not None)
    except TooFewContactsError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
