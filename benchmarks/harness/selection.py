"""The choice of contenders: of those asked for, those that are installed and able."""

import importlib.util
import shutil

from benchmarks.harness.comparisons import TLS_SUFFIX
from benchmarks.harness.contender_table import CONTENDERS, Contender, find
from benchmarks.harness.scenarios import Scenario


def is_limit(name: str) -> bool:
    """Return whether figures of that name show a limit, over https or not."""
    return find(name.removesuffix(TLS_SUFFIX)).limit


def choose(only: list[str] | None) -> tuple[list[Contender], list[str]]:
    """Return the contenders that are installed, and a note for each that is not.

    Args:
        only: Names asked for, None for those that run somewhere without being asked.
    """
    chosen: list[Contender] = []
    notes: list[str] = []
    for contender in CONTENDERS:
        asked = bool(contender.runs_in) if only is None else contender.name in only
        if asked and (missing := _missing(contender)):
            notes.append(f"{contender.name} left out: no {missing} installed")
        elif asked:
            chosen.append(contender)
    return chosen, notes


def line_up(
    contenders: list[Contender], scenario: Scenario, *, asked: bool
) -> tuple[list[Contender], list[str]]:
    """Return those that run in a scenario, and a note for each that can't.

    Args:
        contenders: Those that are installed.
        scenario: The scenario.
        asked: Whether they were asked for by name.
    """
    running: list[Contender] = []
    notes: list[str] = []
    for contender in contenders:
        if not asked and scenario.name not in contender.runs_in:
            continue
        problem = _problem(contender, scenario)
        if problem is None:
            running.append(contender)
        else:
            notes.append(f"{contender.name} left out: {problem}")
    return running, notes


def _missing(contender: Contender) -> str | None:
    for package in contender.needs:
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:  # not even the package that it is a part of
            found = None
        if found is None:
            return package
    if contender.program and shutil.which(contender.program) is None:
        return contender.program
    return None


def _problem(contender: Contender, scenario: Scenario) -> str | None:
    """Return why it can't run in a scenario, None if it can."""
    in_flight, rate = scenario.in_flight, scenario.rate
    if contender.most_in_flight and in_flight > contender.most_in_flight:
        return f"not run with {in_flight:,} in flight"
    if rate and contender.most_rate and rate > contender.most_rate:
        return f"not run with {rate:,} calls due a second"
    if rate and not contender.can_wait:
        return "it can't wait for each call's time"
    if scenario.tls and not contender.can_tls:
        return "it does not check certificates"
    return None
