"""A ledger in one SQLite file."""

# Its classes are loaded one by one: see the package above.
__all__: list[str] = []
