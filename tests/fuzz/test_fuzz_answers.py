"""Any bytes of an answer -> an outcome, in process.

In full: ``python -m pytest -m long tests/fuzz/test_fuzz_*.py``. Other inputs are tried
with another ``DIGITRO_FUZZ_SEED``; a failure shows the seed of the very input.
"""

import importlib
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

import attrs
import pytest
from answer_judge import check_settled, said_call_id
from cpu_time import is_slow
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mutations import good_answer, spoil, spoilt_answer

import digitro_async
from digitro_async import protocol
from digitro_async.errors import Outcome

SEED = int(os.environ.get("DIGITRO_FUZZ_SEED", "1"))
MOST_SECONDS = 0.5
"""That an answer may take, where it takes that long each time that it is tried."""
ID = "08/07/24 10:46:19 010A 0974/00"
STATUSES = (*(200,) * 30, None, 0, 100, 201, 204, 206, 307, 400, 401, 429, 500, 999)


def protocol_without_orjson() -> Any:
    """Load a second copy of the whole protocol as it is without orjson."""
    copies = [name for name in sys.modules if name.startswith(protocol.__name__)]
    absent: dict[str, Any] = {"orjson": None, "cattrs.preconf.orjson": None}
    with (
        mock.patch.dict(sys.modules, absent),
        mock.patch.object(digitro_async, "protocol"),
    ):
        for name in copies:
            del sys.modules[name]
        return importlib.import_module(protocol.__name__)


WITHOUT = protocol_without_orjson()


def check_body(body: bytes, **seen: Any) -> Outcome:
    """Check what a body comes to, with orjson and without, and how long that takes."""
    given: dict[str, Any] = {
        "request_started": True,
        "status": 200,
        "body": body,
        **seen,
    }
    failure = given.get("failure")
    own = None if failure is None else WITHOUT.Failure(failure.value)
    outcomes: set[Outcome] = set()

    def settle() -> None:
        outcomes.add(check_settled(protocol, protocol.Observation(**given)))
        copied = {**given, "failure": own}
        outcomes.add(check_settled(WITHOUT, WITHOUT.Observation(**copied)))

    assert not is_slow(settle, MOST_SECONDS)
    (outcome,) = outcomes
    return outcome


def check_answer(seed: int) -> Outcome:
    """Check what the answer of a seed comes to."""
    chance = random.Random(seed)
    status = chance.choice(STATUSES)
    failure = chance.choice(list(protocol.Failure)) if chance.random() < 0.05 else None
    return check_body(
        spoilt_answer(chance),
        status=status if status != 0 else chance.randrange(1000),
        request_started=chance.random() > 0.03,
        failure=failure,
    )


def check_answers(first: int, count: int) -> Counter[Outcome]:
    """Check the answers of ``count`` seeds, and count their outcomes."""
    found: Counter[Outcome] = Counter()
    for seed in range(first, first + count):
        try:
            found[check_answer(seed)] += 1
        except BaseException as error:
            error.add_note(f"the seed of this answer is {seed}")
            raise
    return found


def test_the_copy_has_no_orjson() -> None:
    """One copy of the protocol uses orjson, the other does not, and nothing leaked."""
    assert protocol.Observation is not WITHOUT.Observation
    assert sys.modules[protocol.__name__] is protocol is digitro_async.protocol
    with mock.patch.object(json.JSONDecoder, "decode", side_effect=KeyboardInterrupt):
        check_settled(protocol, protocol.Observation(True, 201))
        protocol.decode_answer(b'{"ID_CHAMADA":"x"}')
        with pytest.raises(KeyboardInterrupt):
            WITHOUT.decode_answer(b'{"ID_CHAMADA":"x"}')


def test_answers() -> None:
    """Twenty thousand answers, spoilt in every way, come to what the contract says."""
    found = check_answers(SEED * 10**9, 20_000)

    assert found.total() == 20_000
    assert min(found[Outcome.ACCEPTED], found[Outcome.UNKNOWN]) > 2000
    assert set(found) >= {Outcome.REFUSED, Outcome.REJECTED}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(10))
def test_more_answers(part: int) -> None:
    """So do half a million, fifty thousand at a time."""
    found = check_answers(SEED * 10**9 + (part + 1) * 10**6, 50_000)

    assert found.total() == 50_000


mutants = st.builds(
    lambda chance, kind: kind(chance),
    st.randoms(use_true_random=False),
    st.sampled_from(
        [
            spoilt_answer,
            lambda chance: good_answer(chance, ID),
            lambda chance: spoil(
                chance, b'{"ID_CHAMADA":"x"}', [b'"', b"\\", b",", b"\0"]
            ),
        ]
    ),
)


@settings(max_examples=300)
@given(st.binary(max_size=300) | mutants)
@example(b'{"ID_CHAMADA":"x"}')
@example(b'{"ID_CHAMADA":"x","y":1e999}')
@example(b'{"ID_CHAMADA":"x","y":{"ID_CHAMADA":1,"ID_CHAMADA":2}}')
@example(b'{"y":"\\ud800","ID_CHAMADA":"x"}')
def test_any_answer(body: bytes) -> None:
    """So does whatever can be thought of, and what fails is made small."""
    check_body(body)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=20_000)
@given(st.binary(max_size=300) | mutants)
def test_any_answer_at_length(body: bytes) -> None:
    """So do twenty thousand of those."""
    check_body(body)


@given(st.randoms(use_true_random=False), st.text(min_size=1).filter(str.strip))
def test_good_answers_are_good(chance: Any, call_id: str) -> None:
    """An answer meant to keep the contract keeps it, by judge and by package."""
    body = good_answer(chance, call_id)

    assert said_call_id(body) == call_id
    assert check_body(body) is Outcome.ACCEPTED


def last_of_two(body: bytes) -> Any:
    """Read an answer, and take the last of repeated keys."""
    return json.loads(body.decode("utf-8"))["ID_CHAMADA"]


def with_a_mark(body: bytes) -> Any:
    """Read an answer, whatever mark stands before it."""
    return last_of_two(body.decode("utf-8-sig").encode())


def with_bad_bytes(body: bytes) -> Any:
    """Read an answer, and overlook bytes that are not UTF-8."""
    return last_of_two(body.decode("utf-8", "ignore").encode())


def found_anywhere(body: bytes) -> Any:
    """Read an answer with no parser at all."""
    return body.decode("utf-8").split('"ID_CHAMADA": "')[1].split('"')[0]


def without_odd_ids(body: bytes) -> Any:
    """Read an answer, and refuse call ids that are odd though not blank."""
    found = said_call_id(body)
    return found if found and found.isprintable() else None


def that_is_stripped(body: bytes) -> Any:
    """Read an answer, and take the blanks off its call id."""
    found = said_call_id(body)
    return found.strip() if found else None


def of_half_size(body: bytes) -> Any:
    """Read an answer of half the size that is allowed."""
    return None if len(body) > 32_768 else said_call_id(body)


def replace_reader(monkeypatch: pytest.MonkeyPatch, read: Callable[..., Any]) -> None:
    """Let the answer to a predictive call be read otherwise."""
    row = attrs.evolve(protocol.COMMANDS["predictive_call"], read=read)
    monkeypatch.setitem(protocol.COMMANDS, "predictive_call", row)


@pytest.mark.parametrize(
    "read",
    [
        *(last_of_two, with_a_mark, with_bad_bytes, found_anywhere),
        *(without_odd_ids, that_is_stripped, of_half_size),
    ],
)
def test_a_wrong_reader_is_noticed(
    read: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that accepts too much, too little or something else fails this test."""

    def decode(body: bytes) -> digitro_async.CallAccepted:
        try:
            call_id = read(body)
        except (ValueError, LookupError, TypeError, RecursionError):
            call_id = None
        if not isinstance(call_id, str) or not call_id.strip():
            raise protocol.UnreadableBodyError("not_json")
        return digitro_async.CallAccepted(call_id, {"ID_CHAMADA": call_id})

    replace_reader(monkeypatch, decode)
    with pytest.raises(AssertionError):
        check_answers(SEED * 10**9, 20_000)


def test_a_slow_reader_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes too long each time fails this test, one that did once not."""
    late = itertools.cycle([0.0, MOST_SECONDS + 0.1])
    monkeypatch.setattr(time, "thread_time", late.__next__)
    with pytest.raises(AssertionError):
        check_body(b"{}")
    once = iter([0.0, MOST_SECONDS + 0.1, 1.0, 1.1])
    monkeypatch.setattr(time, "thread_time", once.__next__)

    assert check_body(b"{}") is Outcome.UNKNOWN


def test_a_foreign_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not the package's own ends the test, and its seed is told."""
    replace_reader(monkeypatch, last_of_two)
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)) as caught:
        check_answers(SEED * 10**9, 20_000)

    assert "the seed of this answer" in caught.value.__notes__[0]
