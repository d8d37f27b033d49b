"""Reads the numbered SQL files that bring a kind of ledger up to date."""

import functools
from importlib import resources

__all__ = ["numbered_scripts"]


@functools.cache
def numbered_scripts(package: str) -> tuple[tuple[int, str], ...]:
    """Return the number and the text of each SQL file of a package, in order.

    Args:
        package: Name of the package; its files stand in its folder ``sql``.
    """
    folder = resources.files(package) / "sql"
    found = [
        (int(file.name[:4]), file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name[:4].isdigit() and file.name.endswith(".sql")
    ]
    return tuple(sorted(found))
