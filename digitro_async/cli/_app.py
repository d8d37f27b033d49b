"""The command tree. A command's own module is loaded when the command is run."""

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from cyclopts import App, CycloptsError

from digitro_async.cli._exit import Exit
from digitro_async.cli._interrupts import finish_first, hearing, raise_once
from digitro_async.cli._output import prepare_streams, print_error
from digitro_async.errors import DigitroError

__all__ = ["COMMANDS", "app", "run"]

_WITHOUT_DOCSTRINGS = 2

# Each text is also the first line of the command's docstring. It stands here so that
# `digitro --help` loads no command: that would be the HTTP library and the simulator.
COMMANDS: Final[Mapping[str, str]] = {
    "demo": "Dial made-up contacts through a simulated PABX and show the outcome.",
    "simulate": "Run a simulated PABX until Ctrl-C.",
    "call": "Make one predictive call and print the call id that the PABX gave it.",
    "dial": "Call every contact of a CSV file once and record each outcome.",
    "status": "Print how many contacts are in each state, also during a dial.",
    "results": "Print one row for each contact: state, call id, attempts, times.",
    "reconcile": "Record the outcome of an unknown contact, with evidence for it.",
}
"""Name of each command to its purpose."""

app = App(
    name="digitro",
    help="Make predictive calls through a Dígitro PABX, each contact once, at the cap.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # `run` does that
)
for _name, _help in COMMANDS.items():
    app.command(f"digitro_async.cli._{_name}:{_name}", name=_name, help=_help)


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    prepare_streams()
    with hearing() as interrupts:
        try:
            if tokens and tokens[0] in COMMANDS:
                # A signal ends the process while libraries are loaded: an exception
                # in the middle of an import may be swallowed there.
                app[tokens[0]]
                if sys.flags.optimize >= _WITHOUT_DOCSTRINGS:
                    from digitro_async.cli._docstrings import (  # noqa: PLC0415 - rarely
                        restore_docstrings,
                    )

                    restore_docstrings()
            interrupts.do(raise_once)
            code = _run(tokens)
            interrupts.do(finish_first)
        except KeyboardInterrupt:
            interrupts.do(finish_first)
            if interrupts.heard:
                print_error("interrupted: nothing was dialled")
            return Exit.INTERRUPTED
        return code


def _run(tokens: Sequence[str]) -> int:
    try:
        code = app(
            list(tokens),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        from digitro_async.cli._usage import usage_problem  # noqa: PLC0415 - rarely

        problem = usage_problem(error, app)
    except DigitroError as error:
        problem = str(error)
    except OSError as error:  # a disk is full, a pipe broke: nothing is dialled then
        problem = error.strerror or type(error).__name__
    else:
        return int(code or Exit.DONE)
    print_error(f"digitro: {problem}")
    return Exit.USAGE
