"""What the live page costs is told of the same seconds, and each process apart."""

import sys
from typing import Any

import pytest
from benchmark_modules import module

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def test_summed_up() -> None:
    """Medians are of all rounds, and a ratio of the two runs of one round."""
    live_page = module("questions.live_page")

    def run(rate: float, dialling: float) -> Any:
        others = {"child": 0.0, "server": 0.0, "looking": 0.0}
        return live_page.PageRun(rate=rate, dialling=dialling, **others)

    text = live_page.summed_up(
        [
            (run(1000, 200e-6), run(990, 202e-6)),
            (run(500, 400e-6), run(500, 420e-6)),
            (run(800, 300e-6), run(792, 303e-6)),
        ]
    )

    assert text.splitlines() == [
        "without the page: 800.0 calls/s, 300 us of CPU a call",
        "with the page:    792.0 calls/s, 303 us of CPU a call",
        "calls/s, with to without: 0.990 (0.990 to 1.000)",
        "CPU a call, with to without: 1.010 (1.010 to 1.050)",
    ]


def test_run() -> None:
    """A campaign is dialled while three look, and each process has its own figure."""
    live_page = module("questions.live_page")
    plan = live_page.Plan(rate=50, seconds=1.0, readers="sse")
    found = live_page.run_once(plan, is_looked_at=True)

    assert found.rate > 0
    assert 0 < found.dialling < 1
    assert min(found.child, found.server, found.looking) >= 0
