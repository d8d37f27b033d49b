"""Copies a ledger to another place, and settles one that came back from a backup."""

from digitro_async.ledger.transfer._copied_tables import Digested
from digitro_async.ledger.transfer._copy_ledger import CopySummary
from digitro_async.ledger.transfer._copying import copy_ledger
from digitro_async.ledger.transfer._restored_ledger import (
    LaterOutcome,
    RestoreSummary,
)
from digitro_async.ledger.transfer._settling import settle_ledger

__all__ = [
    "CopySummary",
    "Digested",
    "LaterOutcome",
    "RestoreSummary",
    "copy_ledger",
    "settle_ledger",
]
