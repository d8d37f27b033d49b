"""Who dials a ledger now, and who did last."""

import weakref

from digitro_async.dispatch import Dispatcher
from digitro_async.errors import LedgerInUseError
from digitro_async.ledger._ledger_port import Ledger

__all__ = ["begin_turn", "end_turn", "knows_all"]

_dialling: weakref.WeakSet[Ledger] = weakref.WeakSet()
_last: weakref.WeakKeyDictionary[Ledger, weakref.ref[Dispatcher]] = (
    weakref.WeakKeyDictionary()
)


def begin_turn(ledger: Ledger, dispatcher: Dispatcher) -> bool:
    """Begin to dial a ledger; True if this dispatcher was the last to do so.

    A dispatcher that was the last to dial an open ledger still holds the rate slots of
    its calls; taking them once more from the ledger would only halve the rate. Another
    one must say so with ``knows_all`` once it holds them: until then nothing is noted.

    Raises:
        LedgerInUseError: If it is being dialled.
    """
    if ledger in _dialling:
        raise LedgerInUseError("a run of this ledger is going on", reason="running")
    _dialling.add(ledger)
    last = _last.get(ledger)
    return last is not None and last() is dispatcher


def knows_all(ledger: Ledger, dispatcher: Dispatcher) -> None:
    """Note that a dispatcher holds the slots of all calls that the ledger tells of."""
    _last[ledger] = weakref.ref(dispatcher)


def end_turn(ledger: Ledger) -> None:
    """End to dial a ledger."""
    _dialling.discard(ledger)
