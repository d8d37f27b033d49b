"""The ``digitro`` command. Needs the extra ``cli``."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from digitro_async.cli._interrupts import Interrupts, leave_with

__all__ = ["main"]


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code.

    Args:
        tokens: The words after the command's name, None for those of the process,
            whose signals are heard until its end then.
    """
    with Interrupts().hearing(to_the_end=tokens is None) as interrupts:
        code = _run(sys.argv[1:] if tokens is None else tokens)
        interrupts.do(lambda _: leave_with(code))
        sys.exit(code)


def _run(tokens: Sequence[str]) -> int:
    try:
        from digitro_async.cli._app import run  # noqa: PLC0415 - an extra

        return run(tokens)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"cyclopts", "rich"}:
            raise
        print(
            f"digitro: {missing} is missing; "
            "install the command line: pip install 'digitro-async[cli]'",
            file=sys.stderr,
        )
        return 2
