"""PURE: rounds of figures -> medians, and ratios taken within a round."""

import statistics
from typing import Any

import attrs

from benchmarks.harness.comparisons import Comparison, comparisons, to_gather
from benchmarks.harness.contender_process import Figures

MEASURES = (
    "calls_per_second",
    "cpu_us",
    "cpu_share",
    "p50_ms",
    "p99_ms",
    "p999_ms",
    "peak_mib",
)


@attrs.frozen(kw_only=True)
class Medians:
    """The medians of one contender.

    Attributes:
        contender: Its name.
        values: Median of each measure, by its name.
        rounds: Rounds it ran.
        clean: Rounds without foreign load; the medians are theirs if there is one.
    """

    contender: str
    values: dict[str, float]
    rounds: int
    clean: int


@attrs.frozen(kw_only=True)
class Ratio:
    """The figures of one contender by those of another.

    Attributes:
        claim: Text of the comparison.
        ours: The contender that is judged.
        other: The one it is set against.
        speed: Median over rounds of calls a second by the other's of the same round.
        lowest: Lowest of them.
        highest: Highest of them.
        cpu: Median over rounds of CPU a call by the other's of the same round.
        p99: Median over rounds of the 99th percentile by the other's.
        rounds: Rounds in which both ran.
        clean: Rounds in which both were undisturbed; only they count if there is one.
    """

    claim: str
    ours: str
    other: str
    speed: float
    lowest: float
    highest: float
    cpu: float
    p99: float
    rounds: int
    clean: int


def medians(rounds: list[list[Figures]]) -> list[Medians]:
    """Return the medians of every contender, in the order of the rounds."""
    return [_medians_of(name, rounds) for name in _names(rounds)]


def _names(rounds: list[list[Figures]]) -> list[str]:
    return list(
        dict.fromkeys(
            one.contender for figures_of_round in rounds for one in figures_of_round
        )
    )


def _medians_of(name: str, rounds: list[list[Figures]]) -> Medians:
    every = [
        one
        for figures_of_round in rounds
        for one in figures_of_round
        if one.contender == name
    ]
    clean = [one for one in every if not one.noisy]
    values = {
        measure: statistics.median(getattr(one, measure) for one in clean or every)
        for measure in MEASURES
    }
    return Medians(contender=name, values=values, rounds=len(every), clean=len(clean))


def ratios(rounds: list[list[Figures]]) -> list[Ratio]:
    """Return every published ratio whose two contenders ran."""
    return _ratios_of(comparisons(_names(rounds)), rounds)


def ratios_to_gather(rounds: list[list[Figures]]) -> list[Ratio]:
    """Return the ratio of every contender to ``gather``."""
    return _ratios_of(to_gather(_names(rounds)), rounds)


def _ratios_of(asked: list[Comparison], rounds: list[list[Figures]]) -> list[Ratio]:
    found = (_ratio_of(comparison, rounds) for comparison in asked)
    return [ratio for ratio in found if ratio is not None]


def _ratio_of(comparison: Comparison, rounds: list[list[Figures]]) -> Ratio | None:
    pairs: list[tuple[Figures, Figures]] = []
    for figures_of_round in rounds:
        by_name = {one.contender: one for one in figures_of_round}
        if comparison.ours in by_name and comparison.other in by_name:
            pairs.append((by_name[comparison.ours], by_name[comparison.other]))
    if not pairs:
        return None
    clean = [(ours, other) for ours, other in pairs if not (ours.noisy or other.noisy)]
    counted = clean or pairs
    speeds = [o.calls_per_second / p.calls_per_second for o, p in counted]
    return Ratio(
        claim=comparison.claim,
        ours=comparison.ours,
        other=comparison.other,
        speed=statistics.median(speeds),
        lowest=min(speeds),
        highest=max(speeds),
        cpu=statistics.median(o.cpu_us / p.cpu_us for o, p in counted),
        p99=statistics.median(o.p99_ms / p.p99_ms for o, p in counted),
        rounds=len(pairs),
        clean=len(clean),
    )


def as_record(rounds: list[list[Figures]]) -> dict[str, Any]:
    """Return all raw rounds and what follows from them, fit for JSON."""
    return {
        "rounds": [
            [attrs.asdict(one) for one in figures_of_round]
            for figures_of_round in rounds
        ],
        "medians": {one.contender: attrs.asdict(one) for one in medians(rounds)},
        "ratios": [attrs.asdict(one) for one in ratios(rounds)],
        "to_gather": [attrs.asdict(one) for one in ratios_to_gather(rounds)],
    }
