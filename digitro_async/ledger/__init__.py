"""The ledger: the record of every contact, kept across crashes. Its port and kinds."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.ledger._call_ends_port import (
    AwaitedEnd,
    CallEnds,
    EndCounts,
)
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._ledger_address import LedgerAddress, ledger_address
from digitro_async.ledger._ledger_port import Ledger, OnDone
from digitro_async.ledger._new_owner import new_owner
from digitro_async.ledger._occupied_slots import OccupiedSlots
from digitro_async.ledger._open_ledger import (
    open_ledger,
    open_ledger_reader,
    open_result_feed,
)
from digitro_async.ledger._reader_port import LedgerReader
from digitro_async.ledger._records import (
    AddResult,
    Change,
    ClaimedContact,
    ClaimOwner,
    ContactRecord,
    Difference,
    Import,
    NewContact,
    NumberOfContact,
    Reconciliation,
    WaitKind,
)
from digitro_async.ledger._result_feed_port import (
    FeedPosition,
    LedgerResult,
    ResultFeed,
    ResultPage,
)
from digitro_async.ledger._schedule_port import KeyOf, Schedule, ScheduledLedger
from digitro_async.ledger._schedule_records import (
    AgreedCallback,
    AttemptCounts,
    AttemptPlan,
    Deferral,
    EndedContact,
    LedgerAttempt,
    LedgerBlock,
    PlannedContact,
    Refusal,
    WaitCounts,
)
from digitro_async.ledger._slices_port import LedgerSlice, SlicedLedger
from digitro_async.ledger._state import State, Step

__all__ = [
    "AddResult",
    "AgreedCallback",
    "AttemptCounts",
    "AttemptPlan",
    "AwaitedEnd",
    "CallEnds",
    "Change",
    "ClaimOwner",
    "ClaimedContact",
    "ContactRecord",
    "Deferral",
    "Difference",
    "EndCounts",
    "EndRecord",
    "EndedContact",
    "FeedPosition",
    "Import",
    "KeyOf",
    "Ledger",
    "LedgerAddress",
    "LedgerAttempt",
    "LedgerBlock",
    "LedgerReader",
    "LedgerRehearsal",
    "LedgerResult",
    "LedgerSlice",
    "ListedContact",
    "MemoryLedger",
    "MemoryLedgerReader",
    "NewContact",
    "NumberOfContact",
    "OccupiedSlots",
    "OnDone",
    "PlannedContact",
    "PostgresLedger",
    "PostgresLedgerReader",
    "Reconciliation",
    "RecordFence",
    "Refusal",
    "ResultFeed",
    "ResultPage",
    "SQLiteLedger",
    "SQLiteLedgerReader",
    "Schedule",
    "ScheduledLedger",
    "SlicedLedger",
    "State",
    "Step",
    "StepRecord",
    "WaitCounts",
    "WaitKind",
    "check_place",
    "copy_to_rehearse",
    "holder_of",
    "ledger_address",
    "new_owner",
    "open_ledger",
    "open_ledger_reader",
    "open_result_feed",
]

if TYPE_CHECKING:
    from digitro_async.ledger.memory._memory_ledger import MemoryLedger
    from digitro_async.ledger.memory._memory_reader import MemoryLedgerReader
    from digitro_async.ledger.postgres._postgres_ledger import PostgresLedger
    from digitro_async.ledger.postgres._postgres_reader import PostgresLedgerReader
    from digitro_async.ledger.sqlite._holder import check_place, holder_of
    from digitro_async.ledger.sqlite._rehearsal import LedgerRehearsal, copy_to_rehearse
    from digitro_async.ledger.sqlite._sqlite_ledger import SQLiteLedger
    from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader
else:
    # Each kind is loaded when it is asked for: who counts the contacts of a file loads
    # neither an event loop nor another kind's driver.
    __getattr__ = lazy_names(
        __name__,
        "sqlite._holder",
        "sqlite._rehearsal",
        "sqlite._sqlite_reader",
        "sqlite._sqlite_ledger",
        "memory._memory_reader",
        "memory._memory_ledger",
        "postgres._postgres_reader",
        "postgres._postgres_ledger",
    )
