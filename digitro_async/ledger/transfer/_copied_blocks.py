"""PURE: the error of blocked numbers that nobody would find in their new place."""

from digitro_async.errors import LedgerError

__all__ = ["other_block_key"]


def other_block_key(target: str) -> LedgerError:
    """Return the error of a ledger whose blocks a database can't keep, with ways out.

    Args:
        target: The place in the database, as people may see it.
    """
    return LedgerError(
        f"{target} is in a database with blocked numbers of its own, which are hashed "
        "with another key than those of the ledger: copy it to a database that has "
        "none; or take the ledger's off (digitro campaign unblock), copy it, and block "
        "them there",
        reason="other_block_key",
    )
