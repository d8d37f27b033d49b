"""PURE: whether a ledger is the one that may be dialled, or only a copy of it.

Two ledgers of one campaign that are both dialled call everybody twice. So whatever
makes a second one says in each that may not be dialled what it is; and where an older
state came back, that is said too. Only its operator leads out of it, who knows what was
dialled meanwhile.
"""

import enum
import json
from typing import Final, Self

import attrs

from digitro_async._common.text import iso_time
from digitro_async.errors import LedgerError

__all__ = [
    "PROVENANCE",
    "Provenance",
    "ProvenanceKind",
    "check_provenance",
    "why_not_dialled",
]

PROVENANCE: Final = "provenance"
"""Setting: why the ledger may not be dialled; there is none in one that may be."""


class ProvenanceKind(enum.StrEnum):
    """The reason why a ledger may not be dialled."""

    MOVED = "moved"
    """It was copied to another place, and is dialled there."""
    BACKUP = "backup"
    """It is a copy that was made as a backup, of a ledger that is dialled on."""
    UNFINISHED = "unfinished"
    """A copy into it was begun and did not come to its end."""
    RESTORED = "restored"
    """It is an older state that came back: later calls are not in it."""


@attrs.frozen
class Provenance:
    """A note in a ledger that may not be dialled.

    Attributes:
        kind: Why it may not be.
        other: The other ledger, by an address without password: where it was moved to,
            what it is the backup of; empty where that is not known.
        at: Unix time of that.
        token: A text that only this move has.
    """

    kind: ProvenanceKind
    other: str
    at: float
    token: str = ""

    @classmethod
    def of_setting(cls, setting: str | None) -> Self | None:
        """Return what a ledger's setting says; None where it may be dialled.

        A setting that can't be read says that the ledger is an older state.
        """
        if not setting:
            return None
        try:
            kept = json.loads(setting)
            return cls(
                kind=ProvenanceKind(kept["kind"]),
                other=str(kept["other"]),
                at=float(kept["at"]),
                token=str(kept["token"]),
            )
        except (ValueError, TypeError, LookupError, OverflowError):
            return cls(ProvenanceKind.RESTORED, "", 0.0)

    def as_setting(self) -> str:
        """Return it as a ledger keeps it."""
        return json.dumps(attrs.asdict(self))


def check_provenance(provenance: Provenance | None, name: str) -> None:
    """Refuse a ledger that may not be dialled.

    Args:
        provenance: What it says of itself.
        name: Its name, fit for texts.

    Raises:
        LedgerError: If it may not be; the text says what it is and the way out.
    """
    if provenance is None:
        return
    settle = (
        '"digitro ledger restored" makes it one that may be dialled, once you say what '
        "became of the contacts meanwhile"
    )
    when = f" on {iso_time(provenance.at)}" if provenance.at else ""
    if provenance.kind is ProvenanceKind.MOVED:
        raise LedgerError(
            f"{name} was moved to {provenance.other}{when}, so it is not dialled any "
            'more: name that one. If the copy stopped, give the same "digitro ledger '
            f'copy" once more. If that one is lost, {settle}',
            reason="moved",
        )
    if provenance.kind is ProvenanceKind.BACKUP:
        raise LedgerError(
            f"{name} is a backup of {provenance.other}{when}: who was called since is "
            f"not in it. Dial that one; if it is lost, {settle}",
            reason="backup",
        )
    if provenance.kind is ProvenanceKind.UNFINISHED:
        raise LedgerError(
            f"{name} is an unfinished copy of {provenance.other}: give the same "
            '"digitro ledger copy" once more, or dial that one',
            reason="unfinished_copy",
        )
    raise LedgerError(
        f"{name} was restored from a backup{when}: who was called after that backup is "
        f"not in it, and would be called again. {settle}",
        reason="restored",
    )


def why_not_dialled(provenance: Provenance | None, name: str) -> str:
    """Return why a ledger may not be dialled and the way out; else no text.

    Args:
        provenance: What it says of itself.
        name: Its name, fit for texts.
    """
    try:
        check_provenance(provenance, name)
    except LedgerError as error:
        return str(error.args[0])
    return ""
