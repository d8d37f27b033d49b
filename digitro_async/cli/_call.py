"""``digitro call``: one call."""

from pathlib import Path
from typing import Any

from digitro_async._common.number_form import problem_of_number
from digitro_async._common.validators import problem_of_text
from digitro_async.calls import AnyDestination
from digitro_async.cli._arguments import Switch
from digitro_async.cli._exit import Exit
from digitro_async.cli._one_call import load_call_config, send_one
from digitro_async.cli._output import hand_out, print_error
from digitro_async.errors import ConfigurationError
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
    """Make one predictive call and print its call id.

    Args:
        destination: The number to dial, exactly as the PABX expects it: digits and
            ``+ * #``.
        config: Configuration file.
        pabx: Name of the PABX to use.
        user_data: Free text that travels with the call.
        any_destination: Allow a destination that is not a plain number.
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
    loaded = load_call_config(config, pabx)
    fields: dict[str, Any] = {**loaded.call, "destination": destination}
    if user_data is not None:
        fields["user_data"] = user_data
    for name in ("device", "device_password"):
        if name not in fields:
            raise ConfigurationError(f"{config}: [call] lacks {name}")
    made = PredictiveCall(**fields)
    return send_one(
        loaded,
        lambda client: client.make_predictive_call(made, pabx=pabx),
        lambda accepted: _say_id(accepted.call_id),
        _LOOK_FIRST,
    )


def _say_id(call_id: str) -> Exit:
    if hand_out([f"{call_id}\n".encode()]) is not None:
        print_error(f"accepted: {call_id}")
    return Exit.DONE
