"""Days on which nobody is called: national and state holidays, and the user's own."""

import datetime as dt
import functools
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from digitro_async._common.validators import one_line
from digitro_async.errors import ConfigurationError
from digitro_async.rules._rule_checks import maybe_state

__all__ = ["DayCalendar", "OwnHoliday"]

_COUNTRY: Final = "BR"


@attrs.frozen(kw_only=True)
class OwnHoliday:
    """A holiday of the user's own, such as that of a town.

    Attributes:
        day: The day.
        name: Its name.
        state: The state where it is one; empty for the whole country.
    """

    day: dt.date
    name: str = attrs.field(default="holiday", validator=one_line)
    state: str = attrs.field(default="", validator=maybe_state)


class DayCalendar:
    """The holidays of Brazil and its states, with the user's own.

    Args:
        own: Holidays of the user's own.
        optional: Whether the days count that the government makes optional, such as
            Carnival and Corpus Christi.
        of_library: Whether the holidays of the library ``holidays`` count; without it
            those of the user alone do.
    """

    def __init__(
        self,
        own: Iterable[OwnHoliday] = (),
        *,
        optional: bool = False,
        of_library: bool = True,
    ) -> None:
        self._own: dict[tuple[dt.date, str], str] = {
            (one.day, one.state): one.name for one in own
        }
        self._categories = ("public", "optional") if optional else ("public",)
        self._of_library = of_library
        self._calendars: dict[str | None, Mapping[dt.date, str]] = {}

    def check(self) -> None:
        """Check that the library of holidays is installed, where its days count.

        Raises:
            ConfigurationError: If it is missing.
        """
        if self._of_library and importlib.util.find_spec("holidays") is None:
            raise _missing()

    def holiday(self, day: dt.date, own_state: str, state: str | None) -> str | None:
        """Return the name of the holiday that a day is, or None.

        Args:
            day: The day.
            own_state: The state whose holidays of the user's own count.
            state: The state whose public holidays count; None for national ones alone.

        Raises:
            ConfigurationError: If the library ``holidays`` is not installed.
        """
        own = self._own.get((day, "")) or self._own.get((day, own_state))
        if own is not None or not self._of_library:
            return own
        calendar = self._calendars.get(state)
        if calendar is None:
            calendar = self._calendars[state] = self._public(state)
        return calendar.get(day)

    def _public(self, state: str | None) -> Mapping[dt.date, str]:
        made: Mapping[dt.date, str] = _library().country_holidays(
            _COUNTRY, subdiv=state, categories=self._categories
        )
        return made


@functools.cache
def _library() -> Any:
    """Return the library ``holidays``, which is loaded where a rule asks for it."""
    try:
        import holidays  # noqa: PLC0415 - an extra, and 0.3 s to load
    except ImportError:
        raise _missing() from None
    return holidays


def _missing() -> ConfigurationError:
    return ConfigurationError(
        "the rules keep holidays, and the library for them is not installed: "
        'pip install "digitro-async[contacts]"'
    )
