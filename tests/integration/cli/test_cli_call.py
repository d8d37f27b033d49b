"""``digitro call``."""

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    PASSWORD,
    USER_DATA,
    Capture,
    config,
    folder,
    number,
    numbers_of,
    pabx,
    run_here,
    start,
    write_config,
)

from digitro_async import DigitroClient
from digitro_async.testing import FakePABX, FaultPlan

__all__ = ["config", "folder", "pabx"]  # fixtures


class TestCall:
    """One call."""

    def test_call_id_is_printed(
        self, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """An accepted call prints its call id and nothing else."""
        ran = run_here(capsys, "call", number(1), "--user-data", USER_DATA)

        assert ran == (0, f"{pabx.calls[0].call_id}\n", "")
        assert numbers_of(pabx) == [number(1)]

    def test_warnings_of_the_library_are_printed(
        self,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A warning that the library logs during the call is shown, as by a dial."""
        make = DigitroClient.make_predictive_call

        async def warn(self: DigitroClient, *given: Any, **named: Any) -> Any:
            logging.getLogger("digitro_async").warning("an answer too many")
            return await make(self, *given, **named)

        monkeypatch.setattr(DigitroClient, "make_predictive_call", warn)
        ran = run_here(capsys, "call", number(1))

        assert ran == (
            0,
            f"{pabx.calls[0].call_id}\n",
            "digitro: an answer too many\n",
        )

    def test_call_id_goes_to_stderr_where_stdout_is_gone(
        self, folder: Path, config: Path, pabx: FakePABX
    ) -> None:
        """The call id of a call that was made is not lost with stdout."""
        reading, writing = os.pipe()
        os.close(reading)
        with start("call", number(1), cwd=folder, stdout=writing) as running:
            os.close(writing)
            code, _, err = running.end()

        assert (code, err) == (0, f"accepted: {pabx.calls[0].call_id}\n")

    @pytest.mark.parametrize(
        ("fault", "code", "text"),
        [
            ({"kind": "lose_answer"}, 1, "unknown: .*the phone may ring: look before"),
            ({"kind": "status", "status": 422}, 1, "rejected: "),
            ({"kind": "status", "status": 403}, 3, "refused: .*reason=status_403"),
        ],
    )
    def test_failures_are_told_with_their_outcome(
        self,
        *,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        fault: dict[str, object],
        code: int,
        text: str,
    ) -> None:
        """The error of a call that failed is printed, without its number."""
        pabx.set_faults(FaultPlan.from_mapping({"fault": [fault]}))
        ran = run_here(capsys, "call", number(1))

        assert (ran.code, ran.out) == (code, "")
        assert re.match(text, ran.err)

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("\x07" + number(1),), "DESTINATION holds a control character"),
            ((" ",), "DESTINATION has no digit; --any-destination sends it as it is"),
            (("",), "DESTINATION is empty"),
            (("", "--any-destination"), "DESTINATION is empty"),
            ((" " + number(1),), "DESTINATION may hold only digits and + * #"),
            (("ramal 12",), "DESTINATION may hold only digits and + * #"),
            (("9" * 33,), "DESTINATION is longer than 32 characters"),
            (
                (number(1), "--pabx", "matrix"),
                "--pabx: there is no such PABX in digitro.toml; did you mean matriz?",
            ),
        ],
    )
    def test_calls_that_cannot_be_made_are_exit_code_2(
        self,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        words: tuple[str, ...],
        problem: str,
    ) -> None:
        """A call that can't be sent as it is leaves nothing on the wire."""
        ran = run_here(capsys, "call", *words)

        assert ran.code == 2
        assert ran.err.startswith(f"digitro: {problem}")
        assert ran.err.count("\n") == 1
        assert pabx.posts == 0

    def test_any_destination_is_sent_if_it_is_asked_for(
        self, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A form that only one PABX knows is sent as it is."""
        ran = run_here(capsys, "call", "sip:canary@x", "--any-destination")

        assert (ran.code, ran.err) == (0, "")
        assert numbers_of(pabx) == ["sip:canary@x"]

    def test_call_needs_a_device(self, folder: Path, capsys: Capture) -> None:
        """A configuration without a device can't make a single call."""
        path = write_config(folder / "digitro.toml", "http://127.0.0.1:9")
        path.write_text(path.read_text().replace(f'device_password = "{PASSWORD}"', ""))
        ran = run_here(capsys, "call", number(1))

        assert (ran.code, ran.err) == (
            2,
            "digitro: digitro.toml: [call] lacks device_password\n",
        )
