"""The pairs of contenders that are compared, as a table."""

import attrs

TLS_SUFFIX = "+tls"
"""Suffix in the names of figures over https."""


@attrs.frozen
class Comparison:
    """A ratio that is always published with the others.

    Args:
        claim: Text of the comparison.
        ours: Name of the contender that is judged.
        other: Name of the contender it is set against, in the same round.
    """

    claim: str
    ours: str
    other: str


_RUST_AT_ITS_BEST = "pyreqwest-workers+tuned+uvloop"

COMPARISONS = (
    Comparison("to gather, process untouched", "digitro", "gather"),
    Comparison("to gather, tune_process()", "digitro+tuned", "gather"),
    Comparison("to gather, tune_process() + uvloop", "digitro+tuned+uvloop", "gather"),
    Comparison("OWN MERIT, process untouched", "digitro", "workers"),
    Comparison("OWN MERIT, both tuned", "digitro+tuned", "workers+tuned"),
    Comparison(
        "OWN MERIT, both tuned + uvloop", "digitro+tuned+uvloop", "workers+tuned+uvloop"
    ),
    Comparison("durable, to gather", "campaign+tuned", "gather"),
    Comparison("durable + uvloop, to gather", "campaign+tuned+uvloop", "gather"),
    Comparison("durable, to the same without", "campaign+tuned", "digitro+tuned"),
    Comparison("public way, to gather", "digitro-public+tuned", "gather"),
    Comparison("the same + uvloop", "digitro-public+tuned+uvloop", "gather"),
    Comparison(
        "public way, to aiohttp by hand",
        "digitro-public+tuned",
        "aiohttp-by-hand+tuned",
    ),
    Comparison("public way, durable, to gather", "campaign-public+tuned", "gather"),
    Comparison("the same + uvloop, durable", "campaign-public+tuned+uvloop", "gather"),
    Comparison("to httpx, process untouched", "digitro", "httpx"),
    Comparison("to httpx, tune_process()", "digitro+tuned", "httpx"),
    Comparison(
        "to aiohttp by hand, both tuned", "digitro+tuned", "aiohttp-by-hand+tuned"
    ),
    Comparison(
        "to the same with hooks", "digitro+tuned", "aiohttp-by-hand+hooks+tuned"
    ),
    Comparison("to gather, one call at a time", "digitro-one", "gather"),
    Comparison("one call at a time, tuned, to gather", "digitro-one+tuned", "gather"),
    Comparison(
        "to gather+tuned, one call at a time", "digitro-one+tuned", "gather+tuned"
    ),
    Comparison(
        "public, one call at a time, to gather", "digitro-public-one+tuned", "gather"
    ),
    Comparison("capped, to gather", "digitro-capped+tuned", "gather"),
    Comparison("capped, to the same without", "digitro-capped+tuned", "digitro+tuned"),
    Comparison("public and capped, to gather", "digitro-public-capped+tuned", "gather"),
    Comparison(
        "the same, without cap", "digitro-public-capped+tuned", "digitro-public+tuned"
    ),
    Comparison("to aiosonic", "digitro+tuned", "aiosonic"),
    Comparison("public way, to aiosonic", "digitro-public+tuned", "aiosonic"),
    Comparison("to pyreqwest, a task a call", "digitro+tuned", "pyreqwest"),
    Comparison("to pyreqwest at its best, tuned", "digitro+tuned", _RUST_AT_ITS_BEST),
    Comparison(
        "to pyreqwest at its best, both tuned + uvloop",
        "digitro+tuned+uvloop",
        _RUST_AT_ITS_BEST,
    ),
    Comparison(
        "durable, to pyreqwest at its best", "campaign+tuned", _RUST_AT_ITS_BEST
    ),
    Comparison(
        "durable + uvloop, to pyreqwest at its best",
        "campaign+tuned+uvloop",
        _RUST_AT_ITS_BEST,
    ),
    Comparison(
        "public way, to pyreqwest at its best",
        "digitro-public+tuned",
        _RUST_AT_ITS_BEST,
    ),
    Comparison(
        "pyreqwest at its best, to a task a call", _RUST_AT_ITS_BEST, "pyreqwest"
    ),
    Comparison("share of the raw protocol", "digitro+tuned", "raw-protocol+tuned"),
    Comparison(
        "public way, of the raw protocol",
        "digitro-public+tuned",
        "raw-protocol+tuned",
    ),
    Comparison("share of wrk", "digitro+tuned", "wrk"),
    Comparison("public way, of wrk", "digitro-public+tuned", "wrk"),
)
"""Every one is published whose two contenders ran."""


def comparisons(names: list[str]) -> list[Comparison]:
    """Return the comparisons between contenders that ran.

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
