"""The cost of telemetry: how it is added up, and that each way makes its calls."""

import sys
from collections.abc import Iterator

import pytest
from benchmark_modules import ROOT, module

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs resource usage"),
]

WATCHED = (
    *("digitro+prometheus", "digitro+observer", "digitro+log", "digitro+otel-api"),
    *("digitro+otel", "digitro+otel+unsampled", "digitro+otel+sampled"),
    "digitro+otel+spans",
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve calls with our own server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        with module("harness.processes").serving(0.0, None) as port:
            yield port


def test_costs_are_taken_within_a_round() -> None:
    """A cost is set against the call alone of the same round, however slow that was."""
    costs = module("questions.telemetry_cost")
    rounds = [
        {"digitro": alone, "digitro+log": alone + added}
        for alone, added in ((100.0, 5.0), (200.0, 7.0), (400.0, 6.0))
    ]
    cost = costs.cost_of("digitro+log", rounds)

    assert (cost.lowest, cost.added, cost.highest) == (5.0, 6.0, 7.0)
    assert cost.ratio == 1.035
    assert "+6.0" in costs.table(rounds)


def test_every_way_is_measured() -> None:
    """The ways that are measured are all in which a client is watched."""
    assert module("questions.telemetry_cost").WATCHED == WATCHED


@pytest.mark.parametrize("contender", WATCHED)
def test_a_watched_client_makes_its_calls(contender: str, port: int) -> None:
    """Every call has its own answer while somebody watches."""
    job = module("harness.work").Job(
        contender=contender, port=port, calls=60, in_flight=10
    )

    assert module("harness.contender_process").measure(job).calls == 60
