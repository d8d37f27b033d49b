"""The database knows which PABX is paused for all, why, and who tries it."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from postgres_server import database, needs_postgres

pytestmark = needs_postgres

RUN = {"code": "unknown_run", "words": "3 calls in a row", "next_try": 5.0}
WRONG = {"code": "status_401", "words": "a call answered 401", "needs_resume": True}


@pytest.fixture
def connection() -> Iterator[psycopg.Connection[Any]]:
    """Return a connection to a database."""
    with database() as url, psycopg.connect(url, autocommit=True) as made:
        yield made


class Worker:
    """A worker that sees the PABX "one" at an address."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self._connection, self._sequence = connection, 0
        statement = b"SELECT digitro.enroll(%s, 60, '{}', %s)"
        values = (name, json.dumps({"one": "there:1"}))
        found = connection.execute(statement, values).fetchone()
        assert found is not None
        self.number: int = found[0]

    def beat(self, **told: Any) -> dict[str, Any] | None:
        """Report a pause, and return the one that holds for all."""
        self._sequence += 1
        report = {
            "code": "",
            "words": "",
            "ago": 0.0,
            "needs_resume": False,
            "next_try": None,
            "is_probing": False,
            "ended_ago": None,
            "rest": 0.0,
            "rest_ago": 0.0,
            "for_others": False,
            "waiting": 0,
            "name": "one",
            "address": "there:1",
        }
        pauses = [report | told] if told else []
        values = (
            *(self.number, self._sequence),
            json.dumps({"caps": [], "pauses": pauses, "campaigns": []}),
        )
        statement = b"SELECT digitro.beat(%s, %s, %s)"
        found = self._connection.execute(statement, values).fetchone()
        assert found is not None
        return next(iter(found[0]["pauses"]), None)

    def die(self) -> None:
        """Let the lease be over."""
        self._connection.execute(
            b"UPDATE digitro.worker SET lease_ends = clock_timestamp()"
            b" WHERE number = %s",
            (self.number,),
        )


@pytest.fixture
def pair(connection: psycopg.Connection[Any]) -> tuple[Worker, Worker]:
    """Return two workers."""
    return Worker(connection, "a"), Worker(connection, "b")


def test_who_pauses_tries(pair: tuple[Worker, Worker]) -> None:
    """The worker whose calls paused a PABX tries it, and the others hear when."""
    first, second = pair
    mine, others = first.beat(waiting=1, **RUN), second.beat(waiting=9, **RUN)

    assert mine is not None
    assert others is not None
    assert (mine["is_prober"], others["is_prober"]) == (True, False)
    assert others["words"] == "3 calls in a row (a)"
    assert 0 < others["next_try"] <= 5.0


def test_who_is_gone_tries_no_more(pair: tuple[Worker, Worker]) -> None:
    """Where the one that tries dies, another does so at its next report."""
    first, second = pair
    first.beat(**RUN)
    first.die()
    order = second.beat()

    assert order is not None
    assert order["is_prober"]


def test_who_has_no_calls_leaves_the_try_to_another(
    pair: tuple[Worker, Worker],
) -> None:
    """A worker without calls for the PABX hands the try to one that has some."""
    first, second = pair
    first.beat(**RUN)
    probing = first.beat(**RUN, is_probing=True)
    waiting = second.beat(waiting=2)
    assert probing is not None
    assert waiting is not None
    assert not waiting["is_prober"]  # a probe is on the wire

    first.beat(**RUN)
    taken = second.beat(waiting=2)
    left = first.beat(**RUN)
    assert taken is not None
    assert left is not None
    assert (taken["is_prober"], left["is_prober"]) == (True, False)


def test_a_good_probe_ends_it(pair: tuple[Worker, Worker]) -> None:
    """What the one that tries tells to be over is over for all, and only then."""
    first, second = pair
    first.beat(**RUN)
    assert second.beat(ended_ago=60.0) is not None  # of a pause before this one
    first.beat(ended_ago=0.0)

    assert second.beat() is None


def test_a_wrong_set_up_counts_more(pair: tuple[Worker, Worker]) -> None:
    """A pause until resume takes the place of one that would end by itself."""
    first, second = pair
    first.beat(**RUN)
    order = second.beat(**WRONG)

    assert order is not None
    assert (order["code"], order["needs_resume"]) == ("status_401", True)
    assert first.beat(**RUN) == order | {"is_prober": order["is_prober"]}


def test_resume_ends_what_began_before(
    connection: psycopg.Connection[Any], pair: tuple[Worker, Worker]
) -> None:
    """A report of a pause from before the resume does not bring it back."""
    first, second = pair
    first.beat(**WRONG)
    connection.execute(b"SELECT digitro.resume('there:1', 'joe')")
    assert first.beat(**WRONG, ago=60.0) is None
    assert second.beat() is None

    assert first.beat(**WRONG) is not None


def test_a_report_for_others_makes_no_pause(
    connection: psycopg.Connection[Any], pair: tuple[Worker, Worker]
) -> None:
    """Who tried for all tells nothing new once the operator has resumed."""
    first, second = pair
    first.beat(**RUN)
    first.die()
    second.beat()
    connection.execute(b"SELECT digitro.resume(NULL, 'joe')")

    assert second.beat(**RUN, for_others=True) is None


def test_a_rest_holds_until_its_end(
    connection: psycopg.Connection[Any], pair: tuple[Worker, Worker]
) -> None:
    """The longest rest that the PABX asked for holds, until the operator lifts it."""
    first, second = pair
    first.beat(rest=30.0)
    first.beat(rest=10.0)
    order = second.beat()
    assert order is not None
    assert (order["code"], 20.0 < order["rest"] <= 30.0) == ("", True)

    connection.execute(b"SELECT digitro.resume('one', 'joe')")
    assert first.beat(rest=25.0, rest_ago=50.0) is None


def test_what_an_operator_sees(
    connection: psycopg.Connection[Any], pair: tuple[Worker, Worker]
) -> None:
    """The state of each PABX has its pause, and the workers those that are alive."""
    first, _ = pair
    connection.execute(b"SELECT digitro.pause(NULL, 'ordered', 'joe')")
    first.die()
    states = connection.execute(b"SELECT * FROM digitro.pabx_states()").fetchall()
    workers = connection.execute(b"SELECT * FROM digitro.workers()").fetchall()

    ((address, names, code, words, by_whom, _, needs_resume, rest, caps),) = states
    assert (address, names, code, by_whom) == ("there:1", ["one"], "ordered", "joe")
    assert (words, needs_resume, rest, caps) == ("paused by hand", True, None, [])
    assert [(one[1], one[5]) for one in workers] == [("a", False), ("b", True)]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT digitro.pause('two', 'ordered', 'joe')", "DG001"),
        ("SELECT digitro.resume('two', 'joe')", "DG001"),
        ("SELECT digitro.set_rate('two', 5, 1, 'joe')", "DG001"),
        ("SELECT digitro.set_rate('one', 5, 1, 'joe')", "DG003"),  # it has no cap
        ("SELECT digitro.set_rate(NULL, 0, 1, 'joe')", "DG003"),
        ("SELECT digitro.pause_campaign('none', 'lunch', 'joe')", "DG002"),
        ("SELECT digitro.resume_campaign('none', 'joe')", "DG002"),
        ("SELECT digitro.set_weight('none', 2)", "DG002"),
        ("SELECT digitro.set_weight('none', 0)", "DG003"),
        ("SELECT digitro.set_weight('none', 'nan')", "DG003"),
    ],
)
@pytest.mark.usefixtures("pair")
def test_orders_that_mean_nothing(
    connection: psycopg.Connection[Any], statement: str, code: str
) -> None:
    """An order for what nobody knows, or without sense, is refused with its code."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())

    assert caught.value.sqlstate == code
