"""Who is compared with whom, as a table."""

import attrs

TLS_SUFFIX = "+tls"
"""What the figures of a contender over https are named by."""


@attrs.frozen
class Comparison:
    """A ratio that is always published with the others.

    Args:
        claim: What the ratio says.
        ours: Name of the contender that is judged.
        other: Name of the contender it is set against, in the same round.
    """

    claim: str
    ours: str
    other: str


COMPARISONS = (
    Comparison("to gather, process untouched", "ours", "gather"),
    Comparison("to gather, tune_process()", "ours+tuned", "gather"),
    Comparison("to gather, tune_process() + uvloop", "ours+tuned+uvloop", "gather"),
    Comparison("OWN MERIT, process untouched", "ours", "workers"),
    Comparison("OWN MERIT, both tuned", "ours+tuned", "workers+tuned"),
    Comparison(
        "OWN MERIT, both tuned + uvloop", "ours+tuned+uvloop", "workers+tuned+uvloop"
    ),
    Comparison("durable, to gather", "campaign+tuned", "gather"),
    Comparison("durable + uvloop, to gather", "campaign+tuned+uvloop", "gather"),
    Comparison("durable, to the same without", "campaign+tuned", "ours+tuned"),
    Comparison("lean transport, to gather", "own-lean+tuned", "gather"),
    Comparison("the same + uvloop", "own-lean+tuned+uvloop", "gather"),
    Comparison("lean transport, to aiohttp by hand", "own-lean+tuned", "lean+tuned"),
    Comparison("lean transport, durable, to gather", "campaign-lean+tuned", "gather"),
    Comparison("the same + uvloop, durable", "campaign-lean+tuned+uvloop", "gather"),
    Comparison("to httpx, process untouched", "ours", "httpx"),
    Comparison("to httpx, tune_process()", "ours+tuned", "httpx"),
    Comparison("to aiohttp by hand, both tuned", "ours+tuned", "lean+tuned"),
    Comparison("to the same with hooks", "ours+tuned", "lean+hooks+tuned"),
    Comparison("to gather, one call at a time", "ours_one", "gather"),
    Comparison("one call at a time, tuned, to gather", "ours_one+tuned", "gather"),
    Comparison("to gather+tuned, one call at a time", "ours_one+tuned", "gather+tuned"),
    Comparison("lean, one call at a time, to gather", "own-lean-one+tuned", "gather"),
    Comparison("capped, to gather", "ours-capped+tuned", "gather"),
    Comparison("capped, to the same without", "ours-capped+tuned", "ours+tuned"),
    Comparison("lean and capped, to gather", "own-lean-capped+tuned", "gather"),
    Comparison("the same, without cap", "own-lean-capped+tuned", "own-lean+tuned"),
    Comparison("to aiosonic", "ours+tuned", "aiosonic"),
    Comparison("lean transport, to aiosonic", "own-lean+tuned", "aiosonic"),
    Comparison("to pyreqwest", "ours+tuned", "pyreqwest"),
    Comparison("lean transport, to pyreqwest", "own-lean+tuned", "pyreqwest"),
    Comparison("share of the floor", "ours+tuned", "floor+tuned"),
    Comparison("lean transport, of the floor", "own-lean+tuned", "floor+tuned"),
    Comparison("share of wrk", "ours+tuned", "wrk"),
    Comparison("lean transport, of wrk", "own-lean+tuned", "wrk"),
)
"""Every one is published whose two contenders ran."""


def comparisons(names: list[str]) -> list[Comparison]:
    """Return what is compared where these ran.

    Where some ran over https, each of them is compared with itself over http, and they
    are compared with each other as all are elsewhere.
    """
    secure = [name for name in names if name.endswith(TLS_SUFFIX)]
    every = [
        Comparison("https, to itself over http", name, name.removesuffix(TLS_SUFFIX))
        for name in secure
    ]
    suffix = TLS_SUFFIX if secure else ""
    every += [
        attrs.evolve(one, ours=one.ours + suffix, other=one.other + suffix)
        for one in COMPARISONS
    ]
    return [one for one in every if one.ours in names and one.other in names]


def to_gather(names: list[str]) -> list[Comparison]:
    """Return each contender against ``gather``, both over https where they are."""
    found = []
    for name in names:
        other = "gather" + (TLS_SUFFIX if name.endswith(TLS_SUFFIX) else "")
        if name != other and other in names:
            found.append(Comparison("to gather", name, other))
    return found
