"""The one logger of the library: it names PABX and counts, and shows no call."""

import logging
from typing import Final

__all__ = ["LOGGER"]

LOGGER: Final = logging.getLogger("digitro_async")
LOGGER.addHandler(logging.NullHandler())  # the program says where to, if anywhere
