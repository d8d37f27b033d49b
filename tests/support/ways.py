"""The two ways to send, each as a function that makes a session manager."""

from collections.abc import Callable
from functools import partial
from typing import Final

from digitro_async import SessionManager

WAYS: Final[dict[str, Callable[[], SessionManager]]] = {
    "direct": SessionManager,
    "public": partial(SessionManager, public=True),
}
