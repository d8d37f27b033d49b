"""A ledger in a PostgreSQL database: many campaigns, and many machines at once."""

# Its classes are loaded one by one: see the package above.
__all__: list[str] = []
