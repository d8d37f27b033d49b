"""Objects that are filled in are like those that a constructor makes."""

import pickle

import attrs
import pytest
from helpers import PREDICTIVE_CALL

from digitro_async import CallAccepted, CallResult, Outcome, PredictiveCall, Timings
from digitro_async._common.drafts import draft_of
from digitro_async.dispatch._call_result import make_call_result
from digitro_async.protocol import AttemptResult, Observation, classify
from digitro_async.protocol._classification import Classification

CALL = PredictiveCall(device="1", device_password="2", destination="3")
BODY = b'{"ID_CHAMADA": "a/1"}'


@attrs.frozen
class Point:
    """A class that is frozen and has slots."""

    x: int
    y: int = 0


def test_a_filled_draft_is_an_object_of_the_class() -> None:
    """It is equal to one that was constructed, hashes alike, and is frozen."""
    draft = draft_of(Point)()
    draft.x, draft.y = 1, 2
    draft.__class__ = Point

    assert type(draft) is Point
    assert draft == Point(1, 2)
    assert hash(draft) == hash(Point(1, 2))
    assert pickle.loads(pickle.dumps(draft)) == Point(1, 2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        draft.x = 3  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del draft.x


def test_a_settled_acceptance() -> None:
    """The result of an accepted attempt equals that of the constructors."""
    settled = classify(Observation(True, 200, BODY), PREDICTIVE_CALL)
    accepted = CallAccepted("a/1", {"ID_CHAMADA": "a/1"})

    assert type(settled) is AttemptResult
    assert type(settled.accepted) is CallAccepted
    assert settled == AttemptResult(Classification(Outcome.ACCEPTED), accepted)
    assert repr(settled) == repr(
        AttemptResult(Classification(Outcome.ACCEPTED), accepted)
    )


def test_the_result_of_a_call() -> None:
    """The result of an accepted call is what the constructors make."""
    accepted = CallAccepted("a/1", {"ID_CHAMADA": "a/1"})

    result = make_call_result(CALL, "key", "here", 1, None, accepted, 1000.0, 1.5, 0.5)

    assert type(result) is CallResult
    assert type(result.timings) is Timings
    wanted = CallResult(
        call=CALL,
        outcome=Outcome.ACCEPTED,
        call_id="a/1",
        pabx="here",
        attempts=1,
        timings=Timings(1000.0, 1.5, 0.5),
        key="key",
        accepted=accepted,
    )
    assert result == wanted
    assert hash(result) == hash(wanted)
    assert repr(result) == repr(wanted)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        result.pabx = "elsewhere"  # type: ignore[misc]
