"""The states of an event channel, and when it is opened again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from scripted_channels import make_settings

from digitro_async.events import ChannelCourse, ChannelState
from digitro_async.events._channel_course import (
    SHORTEST_BACKOFF,
    SHORTEST_RENEWAL,
    renewal_times,
)

SETTINGS = make_settings(
    first_backoff=1.0, max_backoff=60.0, refused_backoff=120.0, read_timeout=30.0
)


class Course(RuleBasedStateMachine):
    """Any order of what may happen to a channel, in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.course = ChannelCourse(SETTINGS, lambda: 0.5)
        self.may_open_at = 0.0

    @rule(seconds=st.floats(0, 500))
    def time_passes(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @precondition(lambda self: self.course.state is ChannelState.WAITING)
    @rule()
    def open_it(self) -> None:
        """The channel is opened as soon as it may be."""
        self.now = max(self.now, self.may_open_at)
        self.course.begin()

    @precondition(
        lambda self: self.course.state in {ChannelState.OPENING, ChannelState.OPEN}
    )
    @rule(channel_id=st.integers(0, 9))
    def id_comes(self, channel_id: int) -> None:
        """The channel has an id, or another one."""
        self.course.open(channel_id, self.now)
        assert self.course.channel_id == channel_id

    @precondition(
        lambda self: self.course.state in {ChannelState.OPENING, ChannelState.OPEN}
    )
    @rule(
        is_refused=st.booleans(),
        asked=st.none() | st.floats(0, 1e9),
        retry=st.none() | st.floats(0, 1e9),
    )
    def it_ends(
        self, is_refused: bool, asked: float | None, retry: float | None
    ) -> None:
        """The channel ends, and is waited for within bounds."""
        self.course.retry = retry
        wait = self.course.end(self.now, is_refused=is_refused, retry_after=asked)
        assert SHORTEST_BACKOFF <= wait <= 1.25 * 120.0
        assert not is_refused or wait >= 120.0
        self.may_open_at = self.now + wait

    @precondition(lambda self: self.course.state is ChannelState.WAITING)
    @rule()
    def nothing_ends_twice(self) -> None:
        """A channel that does not exist can't end or be open."""
        with pytest.raises(RuntimeError, match="can't end"):
            self.course.end(self.now)
        with pytest.raises(RuntimeError, match="can't be open"):
            self.course.open(1, self.now)

    @precondition(lambda self: self.course.state is not ChannelState.WAITING)
    @rule()
    def never_two(self) -> None:
        """A second channel can't be opened beside the first."""
        with pytest.raises(RuntimeError, match="can't be opened"):
            self.course.begin()

    @invariant()
    def id_belongs_to_an_open_channel(self) -> None:
        """There is an id while the channel is open, and at no other time."""
        is_open = self.course.state is ChannelState.OPEN
        assert (self.course.channel_id is not None) is is_open


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=60, stateful_step_count=40)


def test_back_off_doubles_and_begins_anew() -> None:
    """Failures double the back-off, and a channel that lasted makes it short."""
    course = ChannelCourse(SETTINGS, lambda: 1.0)
    waits = []
    for _ in range(9):
        course.begin()
        course.open(1, 0.0)
        waits.append(course.end(1.0))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    course.begin()
    course.open(1, 0.0)
    assert course.end(60.0) == 1


def test_the_servers_word_counts_within_bounds() -> None:
    """``retry:`` takes the place of the first back-off, up to the longest."""
    course = ChannelCourse(SETTINGS, lambda: 1.0)
    course.begin()
    course.retry = 5.0
    assert course.end(0.0) == 5
    course.begin()
    course.retry = 86_400.0
    assert course.end(0.0) == 60
    course.begin()
    course.retry = 0.0
    assert SHORTEST_BACKOFF <= course.end(0.0) < 1.0


def test_a_server_that_wants_no_pause() -> None:
    """Where the server asks for no pause at all, the back-off doubles as any other."""
    course = ChannelCourse(SETTINGS, lambda: 1.0)
    course.retry = 0.0
    waits = []
    for _ in range(12):
        course.begin()
        waits.append(course.end(0.0))

    assert waits[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert waits[-1] == SETTINGS.max_backoff


def test_a_closed_channel_is_never_opened() -> None:
    """After its end for good, nothing begins."""
    course = ChannelCourse(SETTINGS, lambda: 1.0)
    course.close()

    with pytest.raises(RuntimeError, match="closed"):
        course.begin()


def test_a_subscription_that_ends_at_once() -> None:
    """However soon a subscription is said to end, renewals are a second apart."""
    assert renewal_times(1e-9, 0.5) == (SHORTEST_RENEWAL,) * 3


@given(st.floats(100 * SHORTEST_RENEWAL, 1e6), st.floats(0.01, 0.99))
def test_renewals_come_before_the_end(expires: float, share: float) -> None:
    """A subscription is renewed, and tried again, before it ends."""
    times = renewal_times(expires, share)

    assert times[0] == pytest.approx(expires * share)
    assert list(times) == sorted(times)
    assert times[-1] < expires
