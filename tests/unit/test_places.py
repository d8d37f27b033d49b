import itertools

from digitro_async.dispatch._places import FIRST_WAIT, LONGEST_WAIT, Places


def test_as_many_as_go_on() -> None:
    """Where nothing is left for one more call, the others keep their places."""
    places = Places(60)
    assert not places.are_fewer

    assert [places.lower(in_flight, 0.0) for in_flight in (40, 35, 38)] == [
        True,
        False,
        False,
    ]
    assert places.are_fewer
    assert places.now == 35


def test_one_more_is_tried_at_times() -> None:
    """After a while one more is tried, and again, up to all."""
    places = Places(3)
    places.lower(1, 0.0)
    raised = [
        places.may_raise(time * FIRST_WAIT) for time in (0.0, 0.9, 1.0, 1.5, 2.0, 9.0)
    ]

    assert raised == [False, False, True, False, True, False]
    assert (places.now, places.are_fewer) == (3, False)


def test_in_vain_is_seldom() -> None:
    """Where one more is tried in vain, the next is tried after twice the time."""
    places = Places(60)
    places.lower(30, 0.0)
    now, tried = 0.0, []
    for _ in range(9):
        while not places.may_raise(now):
            now += FIRST_WAIT
        tried.append(now)
        places.lower(30, now)
    between = [later - time for time, later in itertools.pairwise(tried)]

    assert between[:4] == [2.0, 4.0, 8.0, 16.0]
    assert max(between) == between[-1] == LONGEST_WAIT
    assert places.now == 30
