"""The dashboard for Grafana, and a client whose metrics it can show."""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import attrs
from helpers import make_call
from places import ROOT
from simulated_events import dialect

from digitro_async import (
    DigitroClient,
    PABXPausedError,
    PauseSettings,
    RateLimit,
    RetrySettings,
)
from digitro_async.exporters import PrometheusExporter
from digitro_async.testing import CallScript, FakePABX, Fault, FaultPlan

__all__ = ["DASHBOARD", "Query", "Selector", "dialling", "queries"]

DASHBOARD: Final[dict[str, Any]] = json.loads(
    (ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8")
)
_SELECTOR: Final = re.compile(r"(digitro_\w+)(?:\{([^}]*)\})?(\[)?")
_VARIABLES: Final = {"$pabx": ".*", "$__rate_interval": "15s", "$__range": "5m"}
_NEVER: Final = PauseSettings(unknown_run=10**6, not_sent_run=10**6, rejected_run=10**6)


@attrs.frozen
class Selector:
    """What a query takes of the metrics.

    Attributes:
        name: The name of the samples.
        labels: The values that some of their labels must have.
        is_range: Whether it takes their growth.
    """

    name: str
    labels: dict[str, str]
    is_range: bool


@attrs.frozen
class Query:
    """One query of the dashboard.

    Attributes:
        panel: The title of its panel.
        text: The query as Prometheus takes it.
    """

    panel: str
    text: str

    def selectors(self) -> Iterator[Selector]:
        """Yield what it takes of the metrics."""
        for name, wanted, opened in _SELECTOR.findall(self.text):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', wanted))
            yield Selector(name, labels, bool(opened))


def queries() -> list[Query]:
    """Return the queries of all panels, with values for Grafana's own variables."""
    found = []
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in _VARIABLES.items():
                text = text.replace(name, value)
            found.append(Query(panel["title"], text))
    return found


@contextlib.asynccontextmanager
async def dialling() -> AsyncIterator[tuple[DigitroClient, PrometheusExporter]]:
    """Have a client make calls without an end, of which some fail in each way."""
    faults = [
        Fault("status", status=429, at=number, retry_after=0)
        for number in range(3, 3000, 10)
    ]
    faults += [Fault("status", status=400, at=number) for number in range(7, 3000, 10)]
    faults += [Fault("lose_answer", at=number) for number in range(9, 3000, 20)]
    script = CallScript(setup=0.05, dial=0.1, ring=(0.2, 0.5), talk=(0.5, 9.0))
    async with FakePABX(
        events=dialect(),
        call_script=script,
        idle_timeout=10**6,
        latency=0.2,
        faults=FaultPlan(faults),
    ) as fake:
        pabx = fake.settings(rate=RateLimit(20), max_in_flight=10)
        pabx = attrs.evolve(pabx, max_in_progress=500)
        async with DigitroClient(pabx, pause=_NEVER, retry=RetrySettings()) as client:
            with PrometheusExporter(client) as exporter:
                task = asyncio.create_task(_dial(client))
                try:
                    yield client, exporter
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)


async def _dial(client: DigitroClient) -> None:
    numbers = itertools.count()
    while True:  # a pause by hand ends a list
        with contextlib.suppress(PABXPausedError):
            async with client.dispatch(map(make_call, numbers)) as results:
                async for _ in results:
                    pass
        await asyncio.sleep(0.2)
