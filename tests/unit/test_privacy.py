import copy
import functools
import io
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from string import Template
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async.privacy import MASK, Personal, Secret

CANARY = "CANARY-7731"

anything = st.text(st.characters(exclude_categories=()))


@attrs.frozen
class Holder:
    """A value with something masked in it."""

    masked: Any


def logged(value: object) -> str:
    """A log line with the value."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.handle(
        logging.LogRecord(
            "test", logging.INFO, "x.py", 1, "%s %r", (value, value), None
        )
    )
    return stream.getvalue()


def raised(value: object) -> str:
    """A traceback of an exception with the value."""
    return "".join(traceback.format_exception(ValueError(value)))


TEXTS: dict[str, Callable[[Any], str]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "f-string": lambda value: f"{value} {value!s} {value!r} {value!a}",
    "format spec": lambda value: f"{value:>20}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - is what is tested
    "str.format": lambda value: "{} {!r}".format(value, value),  # noqa: UP032 - same
    "template": lambda value: Template("$value").substitute(value=value),
    "in a list": lambda value: str([value]),
    "in a dict": lambda value: str({value: value}),
    "in a record": lambda value: repr(Holder(value)),
    "asdict": lambda value: str(attrs.asdict(Holder(value))),
    "pprint": pprint.pformat,
    "log": logged,
    "exception": raised,
    "copy": lambda value: repr(copy.copy(value)),
    "deep copy": lambda value: repr(copy.deepcopy([value])),
}

REFUSALS: dict[str, Callable[[Any], object]] = {
    "json": json.dumps,
    "orjson": orjson.dumps,
    "concatenation": lambda value: "x" + value,
    "join": lambda value: "".join(list({value})),
    "int": int,
    "bytes": bytes,
    "order": lambda value: value < value,  # noqa: PLR0124 - is what is tested
    "length": len,
    "index": lambda value: value[0],
    "attribute": lambda value: setattr(value, "other", 1),
    "state": lambda value: value.__getstate__(),
    "reduce": lambda value: value.__reduce__(),
    **{
        f"pickle {protocol}": functools.partial(pickle.dumps, protocol=protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.fixture(params=[Secret, Personal])
def masked(request: pytest.FixtureRequest) -> Any:
    """A masked text of either kind."""
    return request.param(CANARY)


@pytest.mark.parametrize("way", TEXTS)
def test_no_text_shows_it(masked: Any, way: str) -> None:
    """Every way of turning it into text shows the mask instead."""
    shown = TEXTS[way](masked)

    assert CANARY not in shown
    assert MASK in shown


@pytest.mark.parametrize("way", REFUSALS)
def test_it_refuses_to_be_written(masked: Any, way: str) -> None:
    """Every way of using it as text fails, and the failure does not show it."""
    with pytest.raises((TypeError, AttributeError)) as caught:
        REFUSALS[way](masked)

    assert CANARY not in f"{caught.value} {caught.value!r}"


def test_reveal_opens_it(masked: Any) -> None:
    """The text itself comes from ``reveal`` alone."""
    assert masked.reveal() == CANARY


def test_repr_names_the_kind() -> None:
    """The repr tells a secret from personal data."""
    assert [repr(Secret("x")), repr(Personal("x"))] == [
        "Secret('***')",
        "Personal('***')",
    ]


def test_mask_is_padded_as_asked() -> None:
    """A format spec is applied to the mask."""
    assert f"{Secret('x'):>5}|{Secret('x'):<5}|" == "  ***|***  |"


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"], Secret("x")])
@pytest.mark.parametrize("kind", [Secret, Personal])
def test_only_text_is_wrapped(kind: type[Secret | Personal], value: Any) -> None:
    """Nothing but text can be wrapped."""
    with pytest.raises(TypeError, match=f"^{kind.__name__} takes text$"):
        kind(value)


def test_copies_are_the_same_object(masked: Any) -> None:
    """Copying makes no second holder of the text."""
    assert copy.copy(masked) is masked
    assert copy.deepcopy(masked) is masked


def test_truth_is_that_of_the_text() -> None:
    """It is true where the text is not empty."""
    assert [bool(Secret("")), bool(Secret("x")), bool(Personal(""))] == [
        False,
        True,
        False,
    ]


@given(first=anything, second=anything)
def test_equality_is_that_of_the_texts(first: str, second: str) -> None:
    """Two of a kind are equal, with equal hashes, exactly where their texts are."""
    one, other = Secret(first), Secret(second)

    assert (one == other) is (first == second)
    assert (one != other) is (first != second)
    assert Secret(first) == one
    assert hash(Secret(first)) == hash(one)


@given(text=anything)
def test_kinds_are_never_equal(text: str) -> None:
    """A secret equals neither personal data nor plain text."""
    assert Secret(text) != Personal(text)
    assert Secret(text) != text
    assert Personal(text) != text
    assert len({Secret(text), Personal(text), text}) == 3
