"""Values of a schedule that hold the key of a number."""

import json
from collections.abc import Callable
from typing import cast

import attrs
import pytest
from leaks import CANARIES
from planned_objects import KEYED


@pytest.mark.parametrize("name", KEYED)
def test_no_text_shows_a_key(name: str) -> None:
    """However it is written as text, no digits of the number are in it."""
    one = KEYED[name]()
    written = (repr(one), str(one), f"{one}", f"{[one]}", f"{ValueError(one)!r}")

    assert [text for text in written if CANARIES["destination"].text[-6:] in text] == []


@pytest.mark.parametrize("name", KEYED)
def test_no_document_shows_a_key(name: str) -> None:
    """Whatever takes its fields apart gets the key in its wrapper, as of any number."""
    fields = attrs.asdict(cast("attrs.AttrsInstance", KEYED[name]()))
    written = (repr(fields), str(fields), json.dumps(fields, default=str))

    assert [text for text in written if CANARIES["destination"].text[-6:] in text] == []
    assert "***" in json.dumps(fields, default=str)


@pytest.mark.parametrize("name", KEYED)
def test_no_error_shows_a_key(name: str) -> None:
    """The frames of an error about a wrong field do not hold the key."""
    kind = cast("Callable[..., object]", type(KEYED[name]()))
    with pytest.raises(TypeError) as caught:
        kind(key=int(CANARIES["destination"].text), wrong=1)

    frames = [frame.locals for frame in caught.traceback[1:]]
    assert CANARIES["destination"].text[-6:] not in repr(frames)
