"""The command tree. A command's own module is loaded when the command is run."""

import contextlib
import errno
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from cyclopts import App, CycloptsError, Group

from digitro_async._common.text import words_of_os_error
from digitro_async.cli._exit import Exit, exit_after_output
from digitro_async.cli._interrupts import finish_first, hearing, raise_once
from digitro_async.cli._output import (
    finish_streams,
    noting_faults,
    prepare_streams,
    print_error,
    take_fault,
)
from digitro_async.errors import DigitroError

__all__ = ["COMMANDS", "app", "run"]

_WITHOUT_DOCSTRINGS = 2

# Each text is also the first line of the command's docstring. It stands here so that
# `digitro --help` loads no command: that would be the HTTP library and the simulator.
COMMANDS: Final[Mapping[str, str]] = {
    "init": "Write a commented configuration file to fill in.",
    "check": "Check configuration, PABX, files and ledger, and make no call.",
    "demo": "Dial made-up contacts through a simulated PABX.",
    "simulate": "Run a simulated PABX until Ctrl-C.",
    "call": "Make one predictive call and print its call id.",
    "command": "Send a command other than a call, and print the answer.",
    "dial": "Call every contact of a list once and record each outcome.",
    "worker": "Dial the campaigns of a database, beside other workers.",
    "contacts": "Check a list: which numbers would be dialled, and why not.",
    "status": "Print how many contacts are in each state.",
    "dashboard": "Serve a read-only live page of a ledger until Ctrl-C.",
    "pause": "Start no more calls, on one PABX or all, until resumed.",
    "resume": "Start calls again after a pause, whatever caused it.",
    "rate": "Change the cap of calls, for every process that dials.",
    "campaign": "Add, withdraw, block or call back contacts of a campaign.",
    "report": "Sum up a campaign in the terminal, or as an HTML page.",
    "results": "Print one row for each contact: state, call id, disposition.",
    "webhook": "Send the results of a ledger to the webhook of the configuration.",
    "events": "Listen to the events of a PABX, or replay captured ones.",
    "fit": "Write the events table of digitro.toml from captured events.",
    "reconcile": "Record the outcome of an unknown contact, with evidence for it.",
    "ledger": "Copy a ledger, settle a restored one, or forget persons.",
}
"""Name of each command to its purpose."""

_GROUPS: Final = {
    "Getting started": ("init", "check", "demo", "simulate"),
    "Calls": ("call", "command", "dial", "worker", "contacts"),
    "While calls are made": (
        *("status", "dashboard", "pause", "resume", "rate", "campaign"),
    ),
    "Results": ("report", "results", "webhook"),
    "Event channel": ("events", "fit"),
    "Ledger": ("reconcile", "ledger"),
}
"""How ``digitro --help`` shows them, in the order of :data:`COMMANDS`."""

_WRITE_FAILED: Final = "write_failed"
"""Reason of errors about a file that can't be written any more."""

_DISK_FAULTS: Final = frozenset(
    {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS}
)
"""Errors of a disk, and of no word on the command line."""

_MODULES: Final = {
    "init": "_init_config",
    "check": "_check_setup",
    "events": "_event_commands",
    "fit": "_fit_events",
    "command": "_send_command",
    "worker": "_run_worker",
    "ledger": "_ledger_commands",
    "pause": "_order_commands",
    "resume": "_order_commands",
    "rate": "_order_commands",
    "campaign": "_campaign_commands",
    "contacts": "_contact_commands",
}
"""Modules of commands whose names alone say too little, or too much."""

app = App(
    name="digitro",
    help="Make predictive calls through a Dígitro PABX, each contact once, at the cap.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # `run` does that
)
for _place, (_title, _names) in enumerate(_GROUPS.items()):
    _group = Group(_title, sort_key=_place)
    for _name in _names:
        _module = _MODULES.get(_name, f"_{_name}")
        app.command(
            f"digitro_async.cli.{_module}:{_name}",
            name=_name,
            help=COMMANDS[_name],
            group=_group,
            sort_key=[*COMMANDS].index(_name),
        )
app["--help"].group = app["--version"].group = Group("Options", sort_key=len(_GROUPS))


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    prepare_streams()
    with noting_faults() as faults:
        code = _hear_and_run(tokens)
        finish_streams()
        return exit_after_output(code, is_whole=not faults.found)


def _hear_and_run(tokens: Sequence[str]) -> int:
    with hearing() as interrupts:
        try:
            if tokens and tokens[0] in COMMANDS:
                # A signal ends the process while libraries are loaded: an exception
                # in the middle of an import may be swallowed there.
                app[tokens[0]]
                # It crashes where a signal raises while it begins, and many a command
                # loads it later by way of a ledger.
                with contextlib.suppress(ImportError):
                    import orjson  # noqa: F401, PLC0415 - an extra
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
    code: int = Exit.USAGE
    try:
        ended = app(
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
        if error.reason == _WRITE_FAILED:
            code = Exit.PAUSED
    except OSError as error:  # nothing is dialled then
        if _asks_for_help(tokens):  # it was printed, and no other file was opened
            take_fault(error, sys.stdout)
            return Exit.DONE
        problem = words_of_os_error(error)
        if error.errno in _DISK_FAULTS:
            problem, code = f"a file can't be written: {problem}", Exit.PAUSED
    else:
        return int(ended or Exit.DONE)
    print_error(f"digitro: {problem}")
    return code


def _asks_for_help(tokens: Sequence[str]) -> bool:
    return not tokens or not {"--help", "-h", "--version"}.isdisjoint(tokens)
