"""The database parts the slots of a cap fairly, and never has more of them out."""

import functools
import json
import math
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from postgres_server import needs_postgres, shared_server

pytestmark = needs_postgres

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """Return a connection to a database of the module's own."""
    server = shared_server()
    name = server.create_database()
    with server.connect(name) as made:
        yield made
    server.drop_database(name)


def ask(connection: Connection, statement: str, *values: object) -> Any:
    """Return the only value of a statement."""
    row = connection.execute(statement.encode(), values).fetchone()
    return None if row is None else row[0]


@st.composite
def parted(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]], list[int], list[int]]:
    """Draw slots, pairs of worker and campaign, weights and what workers can use."""
    workers = draw(st.integers(1, 6))
    campaigns = draw(st.integers(1, 4))
    pairs = draw(
        st.lists(
            st.tuples(st.integers(1, workers), st.integers(1, campaigns)),
            min_size=1,
            max_size=12,
            unique=True,
        )
    )
    weights = draw(st.lists(st.integers(1, 50), min_size=campaigns, max_size=campaigns))
    limits = draw(st.lists(st.integers(0, 80), min_size=workers, max_size=workers))
    return draw(st.integers(0, 200)), pairs, weights, limits


def shares(
    connection: Connection,
    total: int,
    pairs: list[tuple[int, int]],
    weights: list[int],
    limits: list[int],
) -> list[int]:
    """Return the slots of each pair of worker and campaign."""
    found: list[int] = ask(
        connection,
        "SELECT digitro.fair_shares(%s, %s::integer[], %s::integer[], %s::float8[],"
        " %s::integer[])",
        total,
        [worker for worker, _ in pairs],
        [campaign for _, campaign in pairs],
        [float(one) for one in weights],
        limits,
    )
    return found


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=parted())
def test_slots_are_parted_fairly(
    connection: Connection,
    case: tuple[int, list[tuple[int, int]], list[int], list[int]],
) -> None:
    """No slot is parted twice or left while somebody can use it, and none starves."""
    total, pairs, weights, limits = case
    given_slots = shares(connection, total, pairs, weights, limits)

    by_worker = [0] * (len(limits) + 1)
    by_campaign = [0] * (len(weights) + 1)
    for (worker, campaign), slots in zip(pairs, given_slots, strict=True):
        by_worker[worker] += slots
        by_campaign[campaign] += slots
    able = {worker for worker, _ in pairs}
    assert all(used <= limit for used, limit in zip(by_worker[1:], limits, strict=True))
    assert sum(given_slots) == min(total, sum(limits[one - 1] for one in able))
    # Who can still use more has about what its weight gives, beside any other.
    hungry = {
        campaign for worker, campaign in pairs if by_worker[worker] < limits[worker - 1]
    }
    for one in hungry:
        for other in {campaign for _, campaign in pairs}:
            ratio = by_campaign[other] / weights[other - 1]
            assert by_campaign[one] + len(pairs) + 1 >= math.floor(
                (ratio - 1) * weights[one - 1]
            ) or only_elsewhere(pairs, one, other, by_worker, limits)
    if total >= len(pairs) * sum(weights):
        for (worker, _), slots in zip(pairs, given_slots, strict=True):
            assert slots > 0 or by_worker[worker] == limits[worker - 1]


def only_elsewhere(
    pairs: list[tuple[int, int]],
    one: int,
    other: int,
    by_worker: list[int],
    limits: list[int],
) -> bool:
    """Whether some worker of a campaign was full, so that it got less for a while."""
    del other
    return any(
        campaign == one and by_worker[worker] == limits[worker - 1]
        for worker, campaign in pairs
    )


@pytest.mark.parametrize(
    ("total", "pairs", "weights", "limits", "expected"),
    [
        pytest.param(
            200, [(1, 1), (2, 1), (3, 1)], [1], [200] * 3, [67, 67, 66], id="equal"
        ),
        pytest.param(
            200, [(1, 1), (2, 2)], [1, 3], [200] * 2, [50, 150], id="by weight"
        ),
        pytest.param(
            *(200, [(1, 1), (2, 1), (1, 2)], [1, 3], [200] * 2, [25, 25, 150]),
            id="a campaign at two workers",
        ),
        pytest.param(
            *(100, [(1, 1), (2, 1), (3, 1)], [1], [5, 100, 100], [5, 48, 47]),
            id="what one does not need goes to the others",
        ),
        pytest.param(
            *(4, [(1, 1), (2, 2), (3, 2)], [1, 1000], [9] * 3, [1, 2, 1]),
            id="the light one does not starve",
        ),
        pytest.param(2, [(1, 1), (2, 1), (3, 1)], [1], [9] * 3, [1, 1, 0], id="scarce"),
        pytest.param(0, [(1, 1)], [1], [9], [0], id="none"),
    ],
)
def test_shares(
    connection: Connection,
    total: int,
    pairs: list[tuple[int, int]],
    weights: list[int],
    *,
    limits: list[int],
    expected: list[int],
) -> None:
    """These needs are met so."""
    assert shares(connection, total, pairs, weights, limits) == expected


@functools.cache
def own_database() -> str:
    """Make a database that the examples share; it goes with the server."""
    return shared_server().create_database()


def emptied() -> Connection:
    """Return a connection to that database, without a worker and a cap."""
    connection = shared_server().connect(own_database())
    connection.execute(b"TRUNCATE digitro.worker, digitro.cap, digitro.pabx CASCADE")
    return connection


class Workers(RuleBasedStateMachine):
    """Workers that ask for slots, in any order, and come and go.

    Each holds the slots that the answer to its last question gave.
    """

    def __init__(self) -> None:
        super().__init__()
        self.connection = emptied()
        self.gone = self.most = 0
        self.holds: dict[int, int] = {}
        self.sequences: dict[int, int] = {}
        self.old: list[tuple[int, int, str]] = []
        self.cap = 0

    def teardown(self) -> None:
        """Close the connection."""
        self.connection.close()

    @rule()
    def come(self) -> None:
        """Start a worker."""
        if len(self.holds) < 4:
            statement = "SELECT digitro.enroll('worker', 3600, '{}', %s)"
            number = ask(self.connection, statement, json.dumps({"one": "there:1"}))
            self.holds[number], self.sequences[number] = 0, 0

    @rule(
        data=st.data(),
        dropped=st.integers(0, 9),
        waiting=st.integers(0, 3),
        campaigns=st.sampled_from([[""], ["a"], ["a", "b"]]),
    )
    def beat(
        self, data: st.DataObject, dropped: int, waiting: int, campaigns: list[str]
    ) -> None:
        """Let a worker ask, after some of its slots were dropped."""
        number = self.some(data)
        if number is None:
            return
        held = max(0, self.holds[number] - dropped)
        self.sequences[number] += 1
        report = json.dumps(
            {
                "caps": [
                    {
                        "address": "there:1",
                        "per": 1.0,
                        "most": 9,
                        "after": 60.0,
                        "holds": held,
                        "used": held,
                        "waiting": waiting,
                        "needs": dict.fromkeys(campaigns, waiting),
                    }
                ],
                "pauses": [],
                "campaigns": [],
            }
        )
        self.old.append((number, self.sequences[number], report))
        answer = self.ask_with(*self.old[-1])
        told = answer["caps"][0]
        self.cap = told["calls"]
        assert told["slots"] <= max(held, told["target"])
        # It is asked for slots that calls hold still: they stay for now.
        self.holds[number] = max(told["slots"], held)

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """Let a question come late, or twice: it is refused."""
        if self.old:
            index = data.draw(st.integers(0, len(self.old) - 1))
            assert self.ask_with(*self.old[index])["state"] in {"late", "gone"}

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """Let the lease of a worker end."""
        number = self.some(data)
        if number is not None:
            self.connection.execute(
                b"UPDATE digitro.worker SET lease_ends = clock_timestamp()"
                b" - interval '1 second' WHERE number = %s",
                (number,),
            )
            self.forget(number)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Let a worker go that has slots taken still."""
        number = self.some(data)
        if number is not None:
            seconds = [60.0] * self.holds[number]
            taken = [{"address": "there:1", "per": 1.0, "seconds": seconds}]
            report = json.dumps({"taken": taken})
            ask(self.connection, "SELECT digitro.leave(%s, %s)", number, report)
            self.forget(number)

    @rule(calls=st.integers(1, 12))
    def set_rate(self, calls: int) -> None:
        """Change the cap, once there is one."""
        if self.cap:
            statement = "SELECT digitro.set_rate('one', %s, 1, 'joe')"
            ask(self.connection, statement, calls)

    @rule()
    def cool(self) -> None:
        """Let all slots cool of those that are gone."""
        self.connection.execute(b"DELETE FROM digitro.cooling_slots")
        self.connection.execute(
            b"DELETE FROM digitro.allotment WHERE worker IN (SELECT number FROM"
            b" digitro.worker WHERE lease_ends <= clock_timestamp())"
        )
        self.gone = 0

    def forget(self, number: int) -> None:
        """Count the slots of a worker as those of one that is gone."""
        self.gone += self.holds.pop(number)

    def ask_with(self, number: int, sequence: int, report: str) -> Any:
        """Return the answer to a question."""
        statement = "SELECT digitro.beat(%s, %s, %s)"
        return ask(self.connection, statement, number, sequence, report)

    def some(self, data: st.DataObject) -> int | None:
        """Return some worker, None where there is none."""
        if not self.holds:
            return None
        return data.draw(st.sampled_from(sorted(self.holds)))

    @invariant()
    def slots_are_within_the_cap(self) -> None:
        """There are no more slots than the cap, or than there were where it fell."""
        out = sum(self.holds.values()) + self.gone
        assert out <= max(self.cap, self.most)
        self.most = out


Workers.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestWorkers = needs_postgres(Workers.TestCase)
