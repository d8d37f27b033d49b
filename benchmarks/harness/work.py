"""The job of a contender, the calls, and the figures that it hands in."""

import json
import math
import os
import resource
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

API_KEY = "benchmark-key"
CHANNEL = 12345
PATH = f"/requests/{CHANNEL}/chamada-preditiva"

FIELDS = {
    "DISPOSITIVO": "1125000",
    "SENHA_DISPOSITIVO": "4567",
    "ROTA": "0",
    "CONTA": "1114000",
    "SENHA": "1234",
    "IDENTIDADE_DESTINO": "",
    "MODO_PREDITIVO": "0",
    "DADOS": "111222333-44;Fulano",
    "IDENTIDADE_ORIGINADOR": "1112000",
    "CPD": "1",
    "TEMPO_REATENDIMENTO": "10",
    "TIPO_CPD_DESTINO": "1",
    "BLOQUEIO_TELEMARKETING": "NAO",
}

_Made = TypeVar("_Made")


class WrongRunError(Exception):
    """A contender did not do the work it is measured for; it gets no figure."""


def destination(number: int) -> str:
    """Return the telephone number of the ``number``-th call; no two are the same."""
    return f"048{number:08d}"


def make_body(number: int) -> dict[str, str]:
    """Return the ``number``-th call as the mapping of 13 texts that is POSTed."""
    return {**FIELDS, "IDENTIDADE_DESTINO": destination(number)}


@attrs.frozen(kw_only=True)
class Job:
    """One measurement in its own process.

    Attributes:
        contender: Name of the contender.
        port: Port of the server on 127.0.0.1.
        calls: Calls to make.
        in_flight: Most calls on the wire at once.
        core: Core to run on, None for any.
        rate: Calls that are due a second, None for all of them at once.
        ca_file: PEM file with the authority to trust over https; None for http.
    """

    contender: str
    port: int
    calls: int
    in_flight: int
    core: int | None = None
    rate: float | None = None
    ca_file: str | None = None

    @property
    def base_url(self) -> str:
        """Address of the server, without a path."""
        return f"{'https' if self.ca_file else 'http'}://127.0.0.1:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """Return the context that trusts this server and no other, None for http."""
        if self.ca_file is None:
            return None
        return ssl.create_default_context(cafile=self.ca_file)

    def authority(self) -> bytes | None:
        """Return the authority to trust over https as PEM, None for http."""
        return None if self.ca_file is None else Path(self.ca_file).read_bytes()


class RunCounts:
    """The answers of one run: their ids and latencies, in order of arrival."""

    __slots__ = ("_ids", "latencies")

    def __init__(self) -> None:
        self._ids: list[str] = []
        self.latencies: list[float] = []

    def add(self, call_id: object, latency: float) -> None:
        """Take one answer.

        Args:
            call_id: Value of ID_CHAMADA.
            latency: Seconds from the call's start, or from when it was due, to its
                answer.

        Raises:
            WrongRunError: If it is no call id.
        """
        if not isinstance(call_id, str) or not call_id:
            raise WrongRunError(f"no ID_CHAMADA in answer {len(self._ids) + 1}")
        self._ids.append(call_id)
        self.latencies.append(latency)

    def check(self, calls: int) -> None:
        """Check that every call has its answer, and no two the same.

        Raises:
            WrongRunError: If an answer is missing, too many, or came twice.
        """
        if len(self._ids) != calls:
            raise WrongRunError(f"{len(self._ids)} answers to {calls} calls")
        if len(set(self._ids)) != calls:
            raise WrongRunError("two calls got the same answer")

    def latency_ms(self, share: float) -> float:
        """Return the latency in ms that ``share`` of the calls did not exceed."""
        return 1000 * percentile(self.latencies, share)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Stopwatch:
    """Seconds inside a ``with`` block: of wall clock, of CPU, of waiting for a core."""

    __slots__ = ("cpu", "delay", "wall")

    def __init__(self) -> None:
        self.wall = self.cpu = self.delay = 0.0

    def __enter__(self) -> Self:
        self.delay -= delay_seconds()
        self.cpu -= cpu_seconds()
        self.wall -= time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wall += time.perf_counter()
        self.cpu += cpu_seconds()
        self.delay += delay_seconds()


def cpu_seconds() -> float:
    """Return the CPU seconds of this process so far, kernel and threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def delay_seconds() -> float:
    """Return how long this thread could have run and had no core; 0 where unknown."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def peak_mib() -> float:
    """Return the most memory (RSS, MiB) that this process ever had.

    Linux's own figure for the process is preferred: ``ru_maxrss`` begins with what
    the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def current_mib() -> float:
    """Return the memory (RSS, MiB) of this process now; its peak where unknown."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return peak_mib()
    pages = int(statm.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def read_job(kind: type[_Made]) -> _Made:
    """Return the job that the runner gave to this process as its only argument."""
    return kind(**json.loads(sys.argv[1]))


def hand_in(figures: dict[str, Any]) -> None:
    """Give the figures to the runner: one line of JSON."""
    print(json.dumps(figures), flush=True)
