"""Rules of calling: who may be called, when, how often, and who is called again.

Nothing here makes a call or writes anything down: gates answer, and rules decide.
``load_rules`` of ``digitro_async.config`` reads ``rules.toml``.
"""

from digitro_async.rules._attempt_caps import (
    AttemptCap,
    AttemptGate,
    CapClock,
    Counted,
    NotBeforeGate,
    Spacing,
)
from digitro_async.rules._attempt_history import (
    AttemptHistory,
    MemoryAttemptHistory,
    PastAttempt,
)
from digitro_async.rules._block_file import BlockFile, BlockReading
from digitro_async.rules._block_list import (
    BlockFunction,
    BlockGate,
    BlockList,
    BlockTerms,
    OwnBlocks,
    end_of_block,
)
from digitro_async.rules._block_rows import BadBlockRow
from digitro_async.rules._callbacks import (
    Callback,
    CallbackClosed,
    CallbackDue,
    CallbackMoved,
    CallbackRule,
    CallbackStep,
    CallbackWaits,
    MissedCallback,
)
from digitro_async.rules._called_number import (
    CalledNumber,
    called_number,
    check_area_code,
)
from digitro_async.rules._calling_hours import (
    CallingHours,
    HolidayScope,
    MinuteSpan,
    hours_of_number,
    spans_of,
    week_of,
)
from digitro_async.rules._calling_rules import CallingRules, PresetSource
from digitro_async.rules._contact_admission import (
    AskForCall,
    CallLater,
    CallNever,
    CallNow,
    ContactAnswer,
    ContactInTurn,
    ContactMix,
    admit,
)
from digitro_async.rules._day_calendar import DayCalendar, OwnHoliday
from digitro_async.rules._dialling_areas import (
    ANYWHERE,
    STATES,
    CalledPlace,
    DiallingArea,
    area_of,
    dialling_areas,
)
from digitro_async.rules._gate import Gate, GateExplanation, Gates, PlannedCall
from digitro_async.rules._gate_answers import (
    ALLOW,
    Allow,
    Defer,
    GateAnswer,
    GateReason,
    Refuse,
    combine,
)
from digitro_async.rules._hours_gate import HoursGate
from digitro_async.rules._open_spans import time_zone
from digitro_async.rules._originating_numbers import OriginatingNumber, OriginatingPool
from digitro_async.rules._recall_rules import (
    NextNumber,
    NoRecall,
    NoRecallReason,
    Recall,
    RecallAnswer,
    RecallRule,
    RecallRules,
)
from digitro_async.rules._short_calls import (
    DayCounts,
    ShortCallCounter,
    ShortCallGate,
    ShortCallLevel,
    ShortCallRule,
)
from digitro_async.rules._stop_rules import (
    CampaignCounts,
    ShareStop,
    StopReason,
    StopRules,
)

__all__ = [
    "ALLOW",
    "ANYWHERE",
    "STATES",
    "Allow",
    "AskForCall",
    "AttemptCap",
    "AttemptGate",
    "AttemptHistory",
    "BadBlockRow",
    "BlockFile",
    "BlockFunction",
    "BlockGate",
    "BlockList",
    "BlockReading",
    "BlockTerms",
    "CallLater",
    "CallNever",
    "CallNow",
    "Callback",
    "CallbackClosed",
    "CallbackDue",
    "CallbackMoved",
    "CallbackRule",
    "CallbackStep",
    "CallbackWaits",
    "CalledNumber",
    "CalledPlace",
    "CallingHours",
    "CallingRules",
    "CampaignCounts",
    "CapClock",
    "ContactAnswer",
    "ContactInTurn",
    "ContactMix",
    "Counted",
    "DayCalendar",
    "DayCounts",
    "Defer",
    "DiallingArea",
    "Gate",
    "GateAnswer",
    "GateExplanation",
    "GateReason",
    "Gates",
    "HolidayScope",
    "HoursGate",
    "MemoryAttemptHistory",
    "MinuteSpan",
    "MissedCallback",
    "NextNumber",
    "NoRecall",
    "NoRecallReason",
    "NotBeforeGate",
    "OriginatingNumber",
    "OriginatingPool",
    "OwnBlocks",
    "OwnHoliday",
    "PastAttempt",
    "PlannedCall",
    "PresetSource",
    "Recall",
    "RecallAnswer",
    "RecallRule",
    "RecallRules",
    "Refuse",
    "ShareStop",
    "ShortCallCounter",
    "ShortCallGate",
    "ShortCallLevel",
    "ShortCallRule",
    "Spacing",
    "StopReason",
    "StopRules",
    "admit",
    "area_of",
    "called_number",
    "check_area_code",
    "combine",
    "dialling_areas",
    "end_of_block",
    "hours_of_number",
    "spans_of",
    "time_zone",
    "week_of",
]
