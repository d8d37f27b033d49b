"""A ledger whose process dies at a chosen moment, before or after a change."""

import inspect
from types import TracebackType
from typing import Any, Self

from digitro_async import LedgerError

__all__ = ["DyingLedger", "Life"]

_PARTS = frozenset({"schedule", "ends"})
_SPARED = frozenset({"on_loss", "begin_run", "end_run", "block_hash"})


class Life:
    """Counts what is asked of a ledger, and ends at one of it.

    Args:
        at: Number of the question at which it ends; 0 for never.
        is_done: Whether that one is still done.
    """

    def __init__(self, at: int, *, is_done: bool) -> None:
        self._at = at
        self._is_done = is_done
        self.asked = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return 0 < self._at <= self.asked

    def begin(self) -> bool:
        """Count a question; return whether the process dies once it is done.

        Raises:
            LedgerError: If the process is dead.
        """
        if self.is_over:
            raise LedgerError("the process is dead", reason="dead")
        self.asked += 1
        if self.is_over and not self._is_done:
            raise LedgerError("the process dies", reason="dead")
        return self.is_over

    @staticmethod
    def end() -> None:
        """Raise what a process that dies sees no more.

        Raises:
            LedgerError: In any case.
        """
        raise LedgerError("the process has died", reason="dead")


class DyingLedger:
    """A ledger, or a part of one, as its owner sees it until it dies.

    Args:
        ledger: The ledger.
        life: The life of the owner.
    """

    def __init__(self, ledger: Any, life: Life) -> None:
        self._ledger = ledger
        self._life = life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if name in _PARTS:
            return DyingLedger(found, self._life)
        if name in _SPARED or not callable(found) or inspect.isasyncgenfunction(found):
            return found

        def ask(*given: Any, **more: Any) -> Any:
            dies = self._life.begin()
            if dies and "on_done" in more:
                more["on_done"] = _unheard  # nobody is there to be told
            answer = found(*given, **more)
            if inspect.isawaitable(answer):
                return _awaited(answer, dies)
            if dies:
                self._life.end()
            return answer

        return ask


async def _awaited(answer: Any, dies: bool) -> Any:
    found = await answer
    if dies:
        Life.end()
    return found


def _unheard(*_: object) -> None:
    """Take what is told to a process that has died."""
