"""Whether an answer too many gives other calls another's answer."""

import asyncio
import random
from collections.abc import Sequence

import attrs
import pytest
import soundness_answers
from answers_out_of_step import DELAYS, KINDS, REFUSALS, Attack, OutOfStep, attacks
from soundness_answers import Came, run_all
from ways import WAYS

from digitro_async import PoolSettings

every_transport = pytest.mark.parametrize("transport", WAYS)

QUICK = [
    Attack(kind="twice", calls=400, seed=2, rate=0, refusals="429"),
    Attack(kind="twice", calls=400, seed=0, rate=0),
    Attack(kind="both", calls=400, seed=1, rate=0, delay=0.002),
    Attack(kind="both", calls=400, seed=3, rate=400, delay=0.04, refusals="4xx 5xx"),
]
"""Where connections have no rest, an answer too many does the most harm."""

WRONG = ("placed_twice", "on_the_wire", "after")


def untrue(chosen: Sequence[Attack], transport: str) -> dict[str, int]:
    """Make the runs, and count what must not be over all of them."""
    came = asyncio.run(run_all(chosen, transport))
    assert sum(one.calls for one in came) == sum(one.calls for one in chosen)
    return {name: sum(getattr(one, name) for one in came) for name in WRONG}


@every_transport
def test_a_breach_is_acted_on(transport: str) -> None:
    """After an alarm no call is accepted under another's id, and none came twice."""
    assert untrue(QUICK, transport) == dict.fromkeys(WRONG, 0)


@every_transport
def test_fresh_connections_can_not_be_out_of_step(transport: str) -> None:
    """Where no connection is used twice an answer too many fools one call at most.

    That is the call which waits for its own when an unasked one comes: nobody can see
    that, and nothing follows from it.
    """
    fresh = {"pool": PoolSettings(reuse=False)}
    chosen = [attrs.evolve(one, settings=fresh, calls=200) for one in QUICK]
    came = asyncio.run(run_all(chosen, transport))
    unasked = [list(one.faults().values()).count("unasked") for one in chosen]

    assert all(one.is_sound for one in came)
    assert all(one.wrong <= most for one, most in zip(came, unasked, strict=True))


@pytest.mark.long
@pytest.mark.timeout(900)
@every_transport
def test_every_breach_is_acted_on(transport: str) -> None:
    """The same over 80,000 calls, with every delay and every refusal."""
    assert untrue(attacks(20, calls=4000), transport) == dict.fromkeys(WRONG, 0)


@every_transport
def test_without_a_fault_all_is_true(transport: str) -> None:
    """Where every answer comes once, each call has its own and no alarm is raised."""
    (came,) = asyncio.run(run_all([Quiet(calls=300, rate=0)], transport))

    assert came == Came(
        **dict.fromkeys(("placed_twice", "never_placed", "placed_and_denied"), 0),
        **dict.fromkeys(("wrong", "silent", *WRONG[1:], "after_any", "doubtful"), 0),
        unknown=0,
        alarms=0,
        connections=came.connections,
        calls=300,
        seconds=came.seconds,
    )


class Quiet(Attack):
    """An attack that does nothing."""

    def faults(self) -> dict[int, str]:
        """Return no request."""
        return {}


async def test_a_trusting_client_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that were accepted by another's answer are counted, as are their like."""
    monkeypatch.setattr(soundness_answers, "OutOfStep", Swapped)
    (came,) = await run_all([Attack(calls=100, rate=0)], "direct")

    assert came.wrong >= 90
    assert came.silent + came.on_the_wire + came.after == came.wrong
    assert not came.is_sound
    assert came.never_placed == 0


class Swapped(OutOfStep):
    """A PABX that says to have made other call ids than it did."""

    def _answer_to(self, number: int) -> bytes:
        answer = super()._answer_to(number)
        self.ids[number] = {"another"}
        return answer


def test_every_kind_of_run_comes_up() -> None:
    """Twenty runs have every kind, delay and refusal, and half of them no rest."""
    chosen = attacks(20, calls=4000)

    assert {one.kind for one in chosen} == set(KINDS)
    assert {one.delay for one in chosen if one.kind == "twice"} == set(DELAYS)
    assert {one.refusals for one in chosen if not one.rate} == set(REFUSALS)
    assert sum(not one.rate for one in chosen) == 10
    assert len({one.seed for one in chosen}) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_repeat(kind: str) -> None:
    """The same seed answers the same requests too often, and early ones."""
    seed = random.randrange(10**6)
    faults = Attack(kind=kind, seed=seed).faults()

    assert faults == Attack(kind=kind, seed=seed).faults()
    assert all(200 <= ordinal < 3000 for ordinal in faults)
    assert len(faults) == (6 if kind == "both" else 1)
