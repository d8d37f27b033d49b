"""What PostgreSQL says is told in words of our own: its texts may hold values."""

import psycopg
import pytest

from digitro_async.ledger.postgres._postgres_errors import (
    is_bad_value,
    is_conflict,
    problem_of,
)

CANARY = "04832817000"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.DiskFull(CANARY), "no space left"),
        (psycopg.errors.DeadlockDetected(CANARY), "others changed the same rows"),
        (psycopg.errors.UndefinedTable(CANARY), "not those of a ledger"),
        (psycopg.errors.QueryCanceled(CANARY), "it took too long"),
        (psycopg.errors.NoDataFound(CANARY), "PostgreSQL's error P0002"),
        (psycopg.OperationalError(f"{CANARY} timeout expired"), "in time"),
        (psycopg.OperationalError(CANARY), "the connection was lost"),
        (TimeoutError(CANARY), "in time"),
        (KeyError(CANARY), "KeyError"),
    ],
)
def test_words(error: BaseException, words: str) -> None:
    """Each problem has words, which repeat nothing of the error's own text."""
    assert words in problem_of(error)
    assert CANARY not in problem_of(error)


def test_kinds() -> None:
    """What a value causes, and what may go well the next time, are told apart."""
    errors = (
        psycopg.errors.UniqueViolation(),
        psycopg.DataError("NUL"),
        OverflowError(),
        psycopg.errors.SerializationFailure(),
        psycopg.errors.DiskFull(),
    )

    assert [is_bad_value(one) for one in errors] == [True, True, True, False, False]
    assert [is_conflict(one) for one in errors] == [False, False, False, True, False]
