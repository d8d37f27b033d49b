"""Who is measured and who is compared with whom, as tables."""

import importlib.util

import attrs


@attrs.frozen
class Contender:
    """One way of making the same calls.

    Args:
        name: Its name in tables and on the command line.
        code: Module and function that make the calls.
        tuned: Whether ``tune_process()`` is called first.
        uvloop: Whether it runs on uvloop.
        calls_share: Share of the calls it makes; the slow ones make fewer.
        needs: Package that must be installed for it.
        most_in_flight: Calls in flight beyond which it is not run, None for any.
        default: Whether it runs without being asked for by name.
    """

    name: str
    code: str
    tuned: bool = False
    uvloop: bool = False
    calls_share: float = 1.0
    needs: str = "aiohttp"
    most_in_flight: int | None = None
    default: bool = True


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


_GATHER = "naive:gather"
_WORKERS = "naive:workers"
_OURS = "own:dispatch"
_CAMPAIGN = "own:campaign"

CONTENDERS = (
    Contender("gather", _GATHER),
    Contender("workers", _WORKERS),
    Contender("ours", _OURS),
    Contender("gather+tuned", _GATHER, tuned=True),
    Contender("workers+tuned", _WORKERS, tuned=True),
    Contender("ours+tuned", _OURS, tuned=True),
    Contender(
        "workers+tuned+uvloop", _WORKERS, tuned=True, uvloop=True, needs="uvloop"
    ),
    Contender("ours+tuned+uvloop", _OURS, tuned=True, uvloop=True, needs="uvloop"),
    Contender("campaign+tuned", _CAMPAIGN, tuned=True),
    Contender(
        "campaign+tuned+uvloop", _CAMPAIGN, tuned=True, uvloop=True, needs="uvloop"
    ),
    Contender(  # with 1,000 in flight its pool does 24 calls/s: that compares nothing
        "httpx",
        "peers:httpx_gather",
        calls_share=0.05,
        needs="httpx",
        most_in_flight=100,
    ),
    Contender("lean", "lean:plain", default=False),
    Contender("lean+hooks", "lean:with_hooks", default=False),
    Contender("lean+tuned", "lean:plain", tuned=True, default=False),
    Contender("lean+hooks+tuned", "lean:with_hooks", tuned=True, default=False),
    Contender("transport", "own:transport", default=False),
    Contender("own-lean", "own:dispatch_lean", default=False),
    Contender("own-lean+tuned", "own:dispatch_lean", tuned=True),
    Contender(
        "own-lean+tuned+uvloop",
        "own:dispatch_lean",
        tuned=True,
        uvloop=True,
        needs="uvloop",
    ),
    Contender("campaign-lean+tuned", "own:campaign_lean", tuned=True),
    Contender(
        "campaign-lean+tuned+uvloop",
        "own:campaign_lean",
        tuned=True,
        uvloop=True,
        needs="uvloop",
    ),
    Contender("ours_one", "own:one_by_one", default=False),
    Contender("ours_one+tuned", "own:one_by_one", tuned=True, default=False),
)
"""In the order in which a round runs them: those that are compared stand close."""

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
    Comparison("to gather+tuned, one call at a time", "ours_one+tuned", "gather+tuned"),
)


def able(contenders: list[Contender], in_flight: int) -> list[Contender]:
    """Return those that can be run with so many calls in flight."""
    return [one for one in contenders if in_flight <= (one.most_in_flight or in_flight)]


def find(name: str) -> Contender:
    """Return the contender of that name.

    Raises:
        KeyError: If there is none.
    """
    return {contender.name: contender for contender in CONTENDERS}[name]


def choose(only: list[str] | None) -> tuple[list[Contender], list[str]]:
    """Return the contenders to run, in order, and a note for each left out.

    Args:
        only: Names asked for, None for the default ones.
    """
    chosen: list[Contender] = []
    notes: list[str] = []
    for contender in CONTENDERS:
        asked = contender.default if only is None else contender.name in only
        if asked and importlib.util.find_spec(contender.needs) is None:
            notes.append(f"{contender.name} left out: no {contender.needs} installed")
        elif asked:
            chosen.append(contender)
    return chosen, notes
