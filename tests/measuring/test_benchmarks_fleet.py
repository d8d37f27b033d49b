"""The fleet benchmark: its figures, and that it runs."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from benchmark_modules import ROOT, module

from digitro_async import RateLimit

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8"),
]


def sent(start: float, answered: float | None = None, began: float = 0.0) -> Any:
    """Return a call that was there, sent and answered at those moments."""
    return module("questions.lateness").Sent(
        began, start, start if answered is None else answered
    )


def lateness(calls: list[Any], most: int) -> list[float]:
    """Return the lateness of calls of which ``most`` may start a second."""
    found: list[float] = module("questions.lateness").lateness(calls, RateLimit(most))
    return found


class TestLateness:
    """By how much calls miss their turn."""

    def test_punctual(self) -> None:
        """Calls on the schedule, and at slots that come back, are never late."""
        calls = [sent(0.0, 0.2), sent(0.5, 0.7), sent(1.2, 1.4), sent(1.7, 1.9)]

        assert lateness(calls, 2) == pytest.approx([0, 0, 0, 0])

    def test_after_the_schedule(self) -> None:
        """A call is late by what it started after the spacing let it go."""
        calls = [sent(0.0), sent(0.105), sent(0.2)]

        assert lateness(calls, 10) == pytest.approx([0, 0.005, 0])

    def test_after_its_slot(self) -> None:
        """A call is late by what it started after a slot was free."""
        calls = [sent(0.0, 0.3), sent(1.5)]

        assert lateness(calls, 1) == pytest.approx([0, 0.2])

    def test_after_it_was_there(self) -> None:
        """Nothing is late before it is there."""
        calls = [sent(0.0), sent(7.1, began=7.0)]

        assert lateness(calls, 10) == pytest.approx([0, 0.1])

    def test_lost_time_is_not_made_up_for(self) -> None:
        """Whoever follows a late call is due a spacing after it, less 10 ms."""
        calls = [sent(0.0), sent(5.0), sent(5.1)]

        assert lateness(calls, 10)[2] == pytest.approx(0.01)


def test_percentile() -> None:
    """A percentile is a value that was there."""
    values = [float(one) for one in range(1, 101)]

    assert module("harness.work").percentile(values, 0.99) == 99.0
    assert module("harness.work").percentile([3.0], 0.99) == 3.0


def test_compare() -> None:
    """Ratios are taken within a round, to the first of that round."""

    def figures(cpu: float) -> dict[str, float]:
        return {"cpu_us": cpu, "used": 1.0, "late_p99_ms": 2.0, "warm_ms": 0.0}

    rounds = [
        {"one": figures(100.0), "all": figures(120.0)},
        {"one": figures(200.0), "all": figures(300.0)},
        {"one": figures(10.0), "all": figures(13.0)},
    ]
    one, every = module("questions.fleet").compare(rounds)

    assert (one.ratio, one.lowest, one.highest) == (1, 1, 1)
    assert (every.ratio, every.lowest, every.highest) == (1.3, 1.2, 1.5)
    assert every.cpu_us == 120.0
    assert "1.30" in module("questions.fleet").cpu_table([one, every])


def test_memory_of_each() -> None:
    """The figure of a PABX is the cost of each further one."""
    found = module("questions.fleet").kib_each({"idle": 40.0}, {"idle": 49.0}, 10)

    assert found == {"idle": 1024.0}


def test_addresses_differ() -> None:
    """A thousand PABX have a thousand addresses of this machine."""
    found = {module("servers.fleet_server").address(number) for number in range(1000)}

    assert len(found) == 1000
    assert all(one.startswith("127.") for one in found)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Run seven PABX and return their port."""
    sys.path.insert(0, str(ROOT))
    with module("servers.fleet_server").serving_fleet(7, 0.0, None) as port:
        yield port
    sys.path.remove(str(ROOT))


async def test_pools_of_their_own(port: int) -> None:
    """Every PABX of a fleet has a pool of connections of its own."""
    fleet = module("questions.fleet_client")
    sessions = fleet.SessionManager()
    pabx = fleet.make_fleet(port, 7)
    async with fleet.DigitroClient(pabx, sessions=sessions) as client:
        calls = [
            fleet.DispatchItem(call=fleet.make_call(1), pabx=one.name) for one in pabx
        ]
        async with client.dispatch(calls) as results:
            accepted = [result.call_id async for result in results]

        assert "7 hosts" in repr(sessions)
    await sessions.aclose()

    assert len(set(accepted)) == 7


@pytest.mark.parametrize("form", list(module("questions.fleet").FORMS))
async def test_dial(port: int, form: str) -> None:
    """A fleet makes its calls and says what they cost."""
    fleet = module("questions.fleet_client")
    given = module("questions.fleet").FORMS[form]
    job = fleet.FleetJob(port=port, size=7, calls=100, **given)
    found = await fleet.dial(job)

    assert found["cpu_us"] > 0
    assert 0 < found["used"] < 1.1
    assert found["late_p99_ms"] >= 0


@pytest.mark.parametrize("transport", ["default", "public"])
async def test_weigh(port: int, transport: str) -> None:
    """Memory is looked at before a call, after one, and when nothing is connected."""
    fleet = module("questions.fleet_client")
    job = fleet.FleetJob(port=port, size=7, calls=0, transport=transport, idle=0.1)
    found = await fleet.weigh(job)

    assert len(found) == 3
    assert all(mib > 5 for mib in found.values())
