"""``digitro call``: one call."""

import asyncio
from pathlib import Path
from typing import Any

from digitro_async._common.number_form import problem_of_number
from digitro_async._common.text import one_of
from digitro_async._common.validators import problem_of_text
from digitro_async.calls import AnyDestination
from digitro_async.cli._arguments import Switch
from digitro_async.cli._command_loop import on_interrupt, run_tuned, to_its_end
from digitro_async.cli._exit import Course, Exit, exit_after_call
from digitro_async.cli._interrupts import ends_anyway
from digitro_async.cli._open_client import open_client
from digitro_async.cli._output import hand_out, print_error
from digitro_async.cli._run_config import check_channels
from digitro_async.client import DigitroClient
from digitro_async.config import Config, load_config
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    InvalidCallError,
    Outcome,
)
from digitro_async.models import PredictiveCall

__all__ = ["call"]

_LOOK_FIRST = "the phone may ring: look before you call again"


def call(
    destination: str,
    *,
    config: Path = Path("digitro.toml"),
    pabx: str | None = None,
    user_data: str | None = None,
    any_destination: Switch = False,
) -> Exit:
    """Make one predictive call and print the call id that the PABX gave it.

    Args:
        destination: The number to dial, exactly as the PABX shall get it: digits and
            ``+ * #``.
        config: Configuration file.
        pabx: Name of the PABX that must take it.
        user_data: Free text that travels with the call.
        any_destination: Send a destination that is no number, too.
    """
    if any_destination:
        destination = AnyDestination(destination)
    problem = problem_of_text(destination, required=True, lines=False)
    if problem:
        raise ConfigurationError(f"DESTINATION {problem}")
    if problem := problem_of_number(destination):
        raise ConfigurationError(
            f"DESTINATION {problem}; --any-destination sends it as it is"
        )
    loaded = load_config(config, can_resume=False)
    fields: dict[str, Any] = {**loaded.call, "destination": destination}
    if user_data is not None:
        fields["user_data"] = user_data
    known = [one.name for one in loaded.pabx]
    if pabx is not None and pabx not in known:
        raise ConfigurationError(
            f"--pabx: there is no such PABX in {config}{one_of(pabx, known)}"
        )
    check_channels(
        config, [one for one in loaded.pabx if pabx is None or one.name == pabx]
    )
    for name in ("device", "device_password"):
        if name not in fields:
            raise ConfigurationError(f"{config}: [call] lacks {name}")
    course = Course()
    made = PredictiveCall(**fields)
    return to_its_end(course, lambda: run_tuned(_make(loaded, made, pabx, course)))


async def _make(
    config: Config, call: PredictiveCall, pabx: str | None, course: Course
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
                accepted = await client.make_predictive_call(call, pabx=pabx)
            except (ConfigurationError, InvalidCallError):
                course.dialled = client.statistics().attempts > 0
                raise
            except DigitroError as error:
                problem = error
            except asyncio.CancelledError:
                task.uncancel()
                return _say_it_was_cut_off(client)
            else:
                return _say_id(accepted.call_id)
            finally:
                ends_anyway()
    hint = f" ({_LOOK_FIRST})" if problem.may_have_dialed else ""
    print_error(f"{problem.outcome}: {problem}{hint}")
    return exit_after_call(problem, interrupted=interrupted)


def _say_id(call_id: str) -> Exit:
    if hand_out([f"{call_id}\n".encode()]) is not None:
        print_error(f"accepted: {call_id}")
    return Exit.DONE


def _say_it_was_cut_off(client: DigitroClient) -> Exit:
    if client.statistics().outcomes[Outcome.UNKNOWN]:
        print_error(f"unknown: it was cut off ({_LOOK_FIRST})")
    else:
        print_error("not_sent: it was cut off while it waited")
    return Exit.INTERRUPTED
