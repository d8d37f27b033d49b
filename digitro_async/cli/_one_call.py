"""Sends one call or command, and says what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from digitro_async._common.text import one_of
from digitro_async.cli._command_loop import on_interrupt, run_tuned, to_its_end
from digitro_async.cli._exit import Course, Exit, exit_after_call
from digitro_async.cli._interrupts import ends_anyway
from digitro_async.cli._open_client import open_client
from digitro_async.cli._output import print_error
from digitro_async.cli._run_config import check_channels
from digitro_async.client import DigitroClient
from digitro_async.config import Config, load_config
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    InvalidCallError,
    Outcome,
)

__all__ = ["load_call_config", "send_one"]

_Answer = TypeVar("_Answer")


def load_call_config(path: Path, pabx: str | None) -> Config:
    """Return a configuration with which one PABX, or any, can be sent a call.

    Args:
        path: The configuration file.
        pabx: Name of the PABX that must take it, None for any.

    Raises:
        ConfigurationError: If it can't be used, there is no such PABX, or none that
            may be used has a channel.
    """
    loaded = load_config(path, can_resume=False)
    known = [one.name for one in loaded.pabx]
    if pabx is not None and pabx not in known:
        raise ConfigurationError(
            f"--pabx: there is no such PABX in {path}{one_of(pabx, known)}"
        )
    check_channels(
        path, [one for one in loaded.pabx if pabx is None or one.name == pabx]
    )
    return loaded


def send_one(
    config: Config,
    send: Callable[[DigitroClient], Awaitable[_Answer]],
    say: Callable[[_Answer], Exit],
    look_first: str,
) -> Exit:
    """Send one call or command; return the exit code.

    Args:
        config: The configuration.
        send: Sends it through the client.
        say: Prints its answer.
        look_first: What to do before it is sent again, where its outcome is unknown.
    """
    course = Course()
    return to_its_end(
        course, lambda: run_tuned(_send(config, send, say, look_first, course))
    )


async def _send(
    config: Config,
    send: Callable[[DigitroClient], Awaitable[_Answer]],
    say: Callable[[_Answer], Exit],
    look_first: str,
    course: Course,
) -> Exit:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    interrupted = False

    async with open_client(config) as client:

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            client.dispatcher.pause(reason="interrupted")
            print_error("interrupted: waiting for the answer (again: cutting it off)")

        course.dialled = True  # or may have, from here on
        with on_interrupt(interrupt, task.cancel):
            try:
                answer = await send(client)
            except (ConfigurationError, InvalidCallError):
                course.dialled = client.statistics().attempts > 0
                raise
            except DigitroError as error:
                problem = error
            except asyncio.CancelledError:
                task.uncancel()
                return _say_it_was_cut_off(client, look_first)
            else:
                return say(answer)
            finally:
                ends_anyway()
    hint = f" ({look_first})" if problem.may_have_dialed else ""
    print_error(f"{problem.outcome}: {problem}{hint}")
    return exit_after_call(problem, interrupted=interrupted)


def _say_it_was_cut_off(client: DigitroClient, look_first: str) -> Exit:
    if client.statistics().outcomes[Outcome.UNKNOWN]:
        print_error(f"unknown: it was cut off ({look_first})")
    else:
        print_error("not_sent: it was cut off while it waited")
    return Exit.INTERRUPTED
