"""A ledger that is gone with its process."""
