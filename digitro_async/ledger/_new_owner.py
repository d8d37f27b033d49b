"""Makes owners that nobody else is."""

import secrets

from digitro_async.ledger._records import ClaimOwner

__all__ = ["new_owner"]


def new_owner(label: str = "") -> ClaimOwner:
    """Return an owner with an id that no other owner has.

    Args:
        label: A name for people; nothing private.
    """
    return ClaimOwner(secrets.token_hex(8), label)
