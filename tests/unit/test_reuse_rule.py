import pytest

from digitro_async.transport._reuse_rule import MOST_LOSSES, TOGETHER, WINDOW, ReuseRule


def ended_by(*times: float) -> list[bool]:
    """Note losses at those times, and return what each brought."""
    rule = ReuseRule()
    return [rule.note_loss(time) for time in times]


def test_the_third_loss_ends_the_reuse() -> None:
    """Two losses may be chance; with the third the reuse ends, once."""
    assert MOST_LOSSES == 3
    assert ended_by(0.0, 1.0, 2.0, 3.0, 4.0) == [False, False, True, False, False]


def test_a_restart_is_one_loss() -> None:
    """Losses of one moment are those of a PABX that restarts, and count as one."""
    moment = [5 + number * TOGETHER / 100 for number in range(90)]

    assert not any(ended_by(*moment))
    assert ended_by(*moment, 60.0, *(time + 100 for time in moment))[90:92] == [
        False,
        True,
    ]


@pytest.mark.parametrize(("between", "ends"), [(WINDOW / 2, True), (WINDOW, False)])
def test_old_losses_are_forgotten(between: float, ends: bool) -> None:
    """Losses that lie far apart end nothing, however many they are."""
    times = [number * between for number in range(10)]

    assert any(ended_by(*times)) is ends


def test_whether_it_is_over() -> None:
    """The rule tells what it decided, and takes nothing back."""
    rule = ReuseRule()
    before = rule.is_over
    for time in (0.0, 1.0, 2.0, WINDOW * 9):
        rule.note_loss(time)

    assert (before, rule.is_over) == (False, True)
