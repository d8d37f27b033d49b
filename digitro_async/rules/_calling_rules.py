"""PURE: all rules of a campaign, as they are read from a rules file."""

from collections.abc import Sequence

import attrs

from digitro_async.rules._attempt_caps import (
    AttemptCap,
    AttemptGate,
    NotBeforeGate,
    Spacing,
)
from digitro_async.rules._attempt_history import AttemptHistory, MemoryAttemptHistory
from digitro_async.rules._block_list import BlockGate, BlockList
from digitro_async.rules._callbacks import CallbackRule
from digitro_async.rules._called_number import CalledNumber, called_number
from digitro_async.rules._calling_hours import CallingHours
from digitro_async.rules._contact_admission import ContactMix
from digitro_async.rules._day_calendar import DayCalendar
from digitro_async.rules._gate import Gate, Gates
from digitro_async.rules._hours_gate import HoursGate
from digitro_async.rules._originating_numbers import OriginatingPool
from digitro_async.rules._recall_rules import RecallRules
from digitro_async.rules._short_calls import (
    ShortCallCounter,
    ShortCallGate,
    ShortCallRule,
)
from digitro_async.rules._stop_rules import StopRules

__all__ = ["CallingRules", "PresetSource"]


@attrs.frozen(kw_only=True)
class PresetSource:
    """Where the rules of a preset come from. None is legal advice.

    Attributes:
        name: Name of the preset.
        date: The day on which its sources were looked at.
        sources: The sources.
    """

    name: str
    date: str
    sources: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CallingRules:
    """All rules of a campaign. Without any, every call is allowed.

    Attributes:
        home_area: Area code of numbers without one; empty if they have none.
        block_lists: Lists of numbers that must not be called.
        hours: Hours in which calls may be made.
        calendar: The holidays.
        spacings: Least times between attempts.
        caps: Most attempts.
        recall: Rules for recalls; None for no recall.
        callbacks: The rule for callbacks.
        mix: How fresh contacts and recalls take turns.
        stop: When the campaign ends before its list does.
        originating: The pool of originating numbers; None for the PABX's own.
        short_calls: Thresholds of short calls; None for none.
        presets: The presets that they are made of.
    """

    home_area: str = ""
    block_lists: tuple[BlockList, ...] = ()
    hours: tuple[CallingHours, ...] = ()
    calendar: DayCalendar = attrs.field(factory=DayCalendar, eq=False)
    spacings: tuple[Spacing, ...] = ()
    caps: tuple[AttemptCap, ...] = ()
    recall: RecallRules | None = None
    callbacks: CallbackRule = attrs.field(factory=CallbackRule)
    mix: ContactMix = attrs.field(factory=ContactMix)
    stop: StopRules = attrs.field(factory=StopRules)
    originating: OriginatingPool | None = None
    short_calls: ShortCallRule | None = None
    presets: tuple[PresetSource, ...] = ()

    @property
    def key_scheme(self) -> str:
        """A text that differs where a number may have another key: see ``Schedule``."""
        return f"1 {self.home_area}"

    def called_number(self, text: str) -> CalledNumber:
        """Return a number as the rules see it.

        Args:
            text: The number in the form that is dialled.
        """
        return called_number(text, home_area=self.home_area)

    def gates(
        self,
        history: AttemptHistory | None = None,
        *,
        counter: ShortCallCounter | None = None,
        more: Sequence[Gate] = (),
    ) -> Gates:
        """Return the gates that these rules make.

        Args:
            history: The past attempts; none are known without it.
            counter: Counts of short calls, where they are kept.
            more: Gates of your own, asked last.
        """
        known = MemoryAttemptHistory() if history is None else history
        gates: list[Gate] = []
        if self.block_lists:
            gates.append(BlockGate(self.block_lists))
        if history is not None:
            gates.append(NotBeforeGate(known))
        gates.append(HoursGate(self.hours, self.calendar))  # a number may have its own
        if self.spacings or self.caps:
            gates.append(AttemptGate(known, spacings=self.spacings, caps=self.caps))
        if counter is not None:
            gates.append(ShortCallGate(counter))
        return Gates([*gates, *more])
