"""The command tree."""

from collections.abc import Sequence

from cyclopts import App, CycloptsError

from digitro_async.cli._call import call
from digitro_async.cli._demo import demo
from digitro_async.cli._dial import dial
from digitro_async.cli._exit import Exit
from digitro_async.cli._interrupts import hearing, raise_once
from digitro_async.cli._ledger import reconcile, results, status
from digitro_async.cli._output import prepare_streams, print_error
from digitro_async.cli._runner import finish_first
from digitro_async.cli._simulate import simulate
from digitro_async.cli._usage import usage_problem
from digitro_async.errors import DigitroError

__all__ = ["app", "run"]

app = App(
    name="digitro",
    help="Make predictive calls through a Dígitro PABX, each contact once, at the cap.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # `run` does that
)
for command in (demo, simulate, call, dial, status, results, reconcile):
    app.command(command)


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    prepare_streams()
    with hearing() as interrupts:
        try:
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
        problem = usage_problem(error, app)
    except DigitroError as error:
        problem = str(error)
    except OSError as error:  # a disk is full, a pipe broke: nothing is dialled then
        problem = error.strerror or type(error).__name__
    else:
        return int(code or Exit.DONE)
    print_error(f"digitro: {problem}")
    return Exit.USAGE
