"""A ledger in a PostgreSQL database: many campaigns, and many machines at once."""

from importlib.util import find_spec

from digitro_async.errors import ConfigurationError

# Its classes are loaded one by one: see the package above.
__all__ = ["check_driver"]


def check_driver() -> None:
    """Refuse an address of PostgreSQL where its driver is not installed.

    Raises:
        ConfigurationError: If it is not.
    """
    if find_spec("psycopg") is None:
        raise ConfigurationError(
            "a ledger at postgresql:// needs PostgreSQL's driver: "
            "pip install 'digitro-async[postgres]'",
            reason="no_driver",
        )
