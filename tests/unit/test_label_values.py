"""Labels have closed sets of values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reason_codes import CALL_REASONS, PAUSE_REASONS

from digitro_async.exporters._label_values import KNOWN_REASONS, OTHER, label_of_reason


@pytest.mark.parametrize("reason", sorted({*CALL_REASONS, *PAUSE_REASONS}))
def test_every_reason_of_this_library_is_a_label(reason: str) -> None:
    """Each reason that the library gives a call or a pause stands for itself."""
    assert label_of_reason(reason) == reason


@given(st.text())
def test_any_other_text_is_one_label(text: str) -> None:
    """Whatever else is given as a reason becomes one and the same label."""
    assert label_of_reason(text) in {*KNOWN_REASONS, OTHER}


def test_a_number_is_no_reason() -> None:
    """A number that somebody wrote as a reason does not become a label."""
    assert label_of_reason("04832817000") == OTHER
    assert label_of_reason("status_04832817000") == OTHER
    assert label_of_reason("status_599") == "status_599"
