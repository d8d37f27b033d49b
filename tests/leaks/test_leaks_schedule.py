"""Values of a schedule that hold the key of a number."""

import pytest
from leaks import CANARIES
from planned_objects import KEYED


@pytest.mark.parametrize("name", KEYED)
def test_no_text_shows_a_key(name: str) -> None:
    """However it is written as text, no digits of the number are in it."""
    one = KEYED[name]()
    written = (repr(one), str(one), f"{one}", f"{[one]}", f"{ValueError(one)!r}")

    assert [text for text in written if CANARIES["destination"].text[-6:] in text] == []
