"""A ledger that is gone with its process."""

# Its classes are loaded one by one: see the package above.
__all__: list[str] = []
