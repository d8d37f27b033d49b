import copy
import pickle
import re
import traceback

import pytest

from digitro_async import errors
from digitro_async.errors import DigitroError, Outcome
from digitro_async.privacy import Personal

CANARY = "04832817731"

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, DigitroError)
]

OUTCOMES: dict[type[DigitroError], Outcome] = {
    errors.InvalidCallError: Outcome.INVALID,
    errors.NotSentError: Outcome.NOT_SENT,
    errors.RejectedError: Outcome.REJECTED,
    errors.RefusedError: Outcome.REFUSED,
    errors.OutcomeUnknownError: Outcome.UNKNOWN,
}


def drawn_tree() -> dict[str, str]:
    """Read the drawing at the head of the module: each class and its parent."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            del path[depth:]
            parents[found[2]] = path[-1] if path else ""
            path.append(found[2])
    return parents


def full(cls: type[DigitroError]) -> DigitroError:
    """An error with everything set."""
    return cls(
        "it went wrong",
        pabx="matriz",
        status=418,
        reason="a_reason",
        attempts=2,
        detail=Personal(f"no such number {CANARY}"),
    )


def test_the_drawn_tree_is_the_real_one() -> None:
    """The drawing in the docstring names every error under its real parent."""
    real = {
        cls.__name__: cls.__bases__[0].__name__.replace("Exception", "")
        for cls in CLASSES
    }

    assert drawn_tree() == real


def test_every_error_is_exported() -> None:
    """The module exports its errors and the outcomes, and nothing else."""
    assert set(errors.__all__) == {cls.__name__ for cls in CLASSES} | {"Outcome"}


@pytest.mark.parametrize("cls", CLASSES)
def test_outcome_of_each_class(cls: type[DigitroError]) -> None:
    """Each error has the outcome of its branch of the tree."""
    branch = [parent for parent in OUTCOMES if issubclass(cls, parent)]
    expected = OUTCOMES[branch[0]] if branch else None

    assert cls.outcome is expected


@pytest.mark.parametrize("cls", CLASSES)
def test_only_an_unknown_outcome_may_have_dialed(cls: type[DigitroError]) -> None:
    """A phone may have rung only where the outcome is unknown."""
    assert cls.may_have_dialed is (cls.outcome is Outcome.UNKNOWN)


@pytest.mark.parametrize(
    "cls", [errors.ConfigurationError, errors.InvalidCallError, errors.WrongLoopError]
)
def test_wrong_values_are_value_errors(cls: type[DigitroError]) -> None:
    """The error of a wrong value is also caught by ``except ValueError``."""
    assert issubclass(cls, ValueError)


def test_no_other_error_is_a_value_error() -> None:
    """The error of a PABX is never caught by ``except ValueError``."""
    found = {cls.__name__ for cls in CLASSES if issubclass(cls, ValueError)}

    assert found == {
        "ConfigurationError",
        "WrongLoopError",
        "ClientClosedError",
        "InvalidCallError",
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_message_by_default(cls: type[DigitroError]) -> None:
    """Without a message an error says the first line of its docstring."""
    if cls is not DigitroError:
        assert str(cls()) == (cls.__doc__ or "").splitlines()[0]


def test_messages_need_no_docstrings() -> None:
    """An error has its message where Python left the docstrings out (-OO)."""

    class Own(errors.NotSentError):
        pass

    assert Own.__doc__ is None
    assert str(Own()) == "Nothing left this process; the call may be sent again."


def test_text_tells_the_facts() -> None:
    """The text ends with the facts that are known."""
    error = errors.RejectedError(pabx="matriz", status=400, reason="status_400")

    assert str(error) == (
        "The PABX refused this call; sending it again would not help. "
        "[pabx=matriz status=400 reason=status_400]"
    )


def test_facts_by_default() -> None:
    """An error made without facts has none."""
    error = DigitroError()

    assert (error.pabx, error.status, error.reason, error.attempts, error.detail) == (
        None,
        None,
        "",
        0,
        None,
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_no_text_holds_the_detail(cls: type[DigitroError]) -> None:
    """The text of the PABX is in no text, argument or traceback of an error."""
    error = full(cls)
    try:
        raise error
    except DigitroError:
        shown = traceback.format_exc()

    assert CANARY not in f"{error} {error!r} {error.args!r} {vars(error)!r} {shown}"
    assert error.detail is not None
    assert CANARY in error.detail.reveal()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", CLASSES)
def test_pickling_keeps_the_facts_alone(cls: type[DigitroError], protocol: int) -> None:
    """A pickled error comes back with its class and facts, without the detail."""
    error = full(cls)
    pickled = pickle.dumps(error, protocol)
    back = pickle.loads(pickled)

    assert CANARY.encode() not in pickled
    assert type(back) is cls
    assert str(back) == str(error)
    assert vars(back) == {**vars(error), "detail": None}


@pytest.mark.parametrize("cls", [errors.ThrottledError, errors.PABXPausedError])
def test_retry_after_survives_pickling(
    cls: type[errors.ThrottledError | errors.PABXPausedError],
) -> None:
    """The seconds to wait are None at first, and kept once they are set."""
    error = cls()

    assert error.retry_after is None

    error.retry_after = 1.5

    assert pickle.loads(pickle.dumps(error)).retry_after == 1.5


def test_copying_drops_the_detail() -> None:
    """A copied error has no detail either."""
    assert copy.copy(full(errors.RejectedError)).detail is None


def test_outcome_names() -> None:
    """Outcomes are written as these words, which files and labels rely on."""
    assert [str(outcome) for outcome in Outcome] == [
        "accepted",
        "rejected",
        "refused",
        "not_sent",
        "unknown",
        "invalid",
    ]
