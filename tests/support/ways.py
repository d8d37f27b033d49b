"""The two ways to send, each as a function that makes a session manager."""

from collections.abc import Callable
from functools import partial
from typing import Final

from digitro_async import SessionManager

MakeSessions = Callable[[], SessionManager]

WAYS: Final[dict[str, MakeSessions]] = {
    "direct": SessionManager,
    "public": partial(SessionManager, public=True),
}
