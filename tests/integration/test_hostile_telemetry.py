"""What observers, exporters and logs show of texts that a program should not give."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from helpers import make_call
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from digitro_async import (
    Activity,
    DigitroClient,
    DispatchItem,
    LedgerError,
    NotSentError,
    OtherCommand,
    PauseSettings,
)
from digitro_async.exporters import (
    JSONFormatter,
    OpenTelemetryExporter,
    PrometheusExporter,
    log_activities,
)
from digitro_async.testing import FakePABX, Fault, FaultPlan

NUMBER = "04832817000"
NAME = "Zulmirah-da-Conceicao"
HOSTILE = f"{NAME} {NUMBER}"
NEVER = PauseSettings(unknown_run=10**6, not_sent_run=10**6, rejected_run=10**6)


class HostileRecorder:
    """A recorder of a program that refuses a call with texts of its own."""

    def __init__(self) -> None:
        self.refusals: Iterator[Exception] = iter(
            [
                NotSentError(HOSTILE, pabx=HOSTILE, reason=HOSTILE),
                NotSentError(HOSTILE, pabx=HOSTILE, reason=NUMBER),
            ]
        )

    async def record_intent(self, *_: object, **__: object) -> None:
        """Refuse the first calls."""
        for refusal in self.refusals:
            raise refusal

    def record_doubts(self, *_: object) -> None:
        """Keep no doubt."""

    def record_outcome(self, _: object, __: str, result: Any, told: Any) -> None:
        """Take every outcome as recorded."""
        told(result)


class Watched:
    """All that is shown of one client while it is watched."""

    def __init__(self, client: DigitroClient) -> None:
        self.told: list[Activity] = []
        self.lines: list[str] = []
        self.spans, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        client.activity.observe(self.told.extend)
        logger = logging.Logger("watched", logging.DEBUG)  # noqa: LOG001 - of its own
        logger.addHandler(Lines(self.lines))
        log_activities(client, logger=logger)
        self.opentelemetry = OpenTelemetryExporter(
            client,
            tracer_provider=tracers,
            meter_provider=MeterProvider([self.reader]),
        )
        self.prometheus = PrometheusExporter(client)

    def labels(self) -> dict[str, set[str]]:
        """Return the values of each label that are scraped."""
        found: dict[str, set[str]] = {}
        text = self.prometheus.exposition()[0].decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                for name, value in sample.labels.items():
                    found.setdefault(name, set()).add(value)
        return found

    def shown(self) -> str:
        """Return all of it as text."""
        data = self.reader.get_metrics_data()
        return "\n".join(
            (
                repr(self.told),
                *self.lines,
                *(span.to_json() for span in self.spans.get_finished_spans()),
                data.to_json() if data else "",
                self.prometheus.exposition()[0].decode(),
            )
        )


class Lines(logging.Handler):
    """Makes a line of JSON of each record."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter())
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self._lines.append(self.format(record))


async def test_texts_of_a_recorder() -> None:
    """A refusal by a program's own recorder is shown under words of this library."""
    async with FakePABX() as fake, DigitroClient(fake.settings(), pause=NEVER) as one:
        watched = Watched(one)
        items = [DispatchItem(call=make_call(n), key=HOSTILE) for n in range(3)]
        stream = one.dispatcher.stream(items, HostileRecorder())
        async with stream as results:
            taken = [result async for result in results]
        one.activity.flush()
        labels, shown = watched.labels(), watched.shown()
        spans = watched.spans.get_finished_spans()

    assert [result.attempts for result in taken] == [0, 0, 1]
    assert HOSTILE in {str(result.error and result.error.reason) for result in taken}
    assert labels["pabx"] == {"simulator"}
    assert labels["reason"] == {"other"}
    assert len(spans) == 1  # what was never sent was no request
    assert NAME not in shown
    assert NUMBER not in shown


@pytest.mark.parametrize("is_listed", [True, False])
async def test_texts_of_calls(is_listed: bool) -> None:
    """Data, paths, keys and names of PABX that calls give are in nothing."""
    calls: list[Any] = [
        make_call(NUMBER, user_data=HOSTILE),
        make_call(NUMBER, user_data=HOSTILE, caller_id=NUMBER),
        OtherCommand(f"p-{NUMBER}", {NAME: NUMBER}),
        OtherCommand(NAME, {NAME: HOSTILE}),
    ]
    faults = FaultPlan([Fault("status", status=400, at=1), Fault("lose_answer", at=2)])
    async with (
        FakePABX(faults=faults) as fake,
        DigitroClient(fake.settings(), pause=NEVER) as client,
    ):
        watched = Watched(client)
        for call in calls:
            for pabx in (None, HOSTILE):
                if is_listed:
                    item = DispatchItem(call=call, pabx=pabx, key=HOSTILE)
                    async with client.dispatch([item]) as results:
                        assert len([one async for one in results]) == 1
                else:
                    await client.dispatcher.submit(call, pabx=pabx, key=HOSTILE)
        client.activity.flush()
        labels, shown = watched.labels(), watched.shown()

    assert labels["command"] == {"predictive_call", "other"}
    assert labels["pabx"] == {"simulator", "none"}
    assert labels["reason"] == {
        *("status_400", "connection_lost", "no_such_command", "unknown_pabx")
    }
    assert NAME not in shown
    assert NUMBER not in shown


async def test_the_reason_of_an_operator(caplog: pytest.LogCaptureFixture) -> None:
    """A number in a reason that an operator writes is masked wherever it is shown."""
    caplog.set_level(logging.DEBUG)
    async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
        watched = Watched(client)
        for spelt in (NUMBER, "(048) 3281-7000", "48.3281.7000"):
            client.dispatcher.pause(reason=f"{spelt} first")
            result = await client.dispatcher.submit(make_call())
            paused = client.statistics().pabx["simulator"].paused
            error = str(result.error)
            client.resume()
            assert paused is not None
            assert paused.endswith(" first")
            assert "7000" not in paused + error
        await asyncio.sleep(0)
        client.activity.flush()
        labels, shown = watched.labels(), watched.shown() + caplog.text

    assert labels["kind"] == {"paused", "resumed"}
    assert re.search(r"81[-. ]?7000", shown) is None  # times have a 7000 now and then


async def test_the_reason_of_a_ledger(caplog: pytest.LogCaptureFixture) -> None:
    """A foreign ledger's reason is shown where it is a code, and a number is none."""
    async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
        watched = Watched(client)
        for reason in (NUMBER, NAME, HOSTILE, "disk_full"):
            client.dispatcher.report_ledger(LedgerError(HOSTILE, reason=reason))
        await asyncio.sleep(0)
        client.activity.flush()
        shown = watched.shown() + caplog.text

    assert "(disk_full)" in shown
    assert NAME not in shown
    assert NUMBER not in shown


async def test_a_name_that_breaks_a_format() -> None:
    """A name of a PABX with quotes and braces is one value of one label."""
    name = 'a"b\\c{d="e"} # {x="1"} 7'
    async with FakePABX() as fake:
        pabx = attrs.evolve(fake.settings(), name=name)
        async with DigitroClient(pabx) as client:
            watched = Watched(client)
            await client.dispatcher.submit(make_call())
            client.activity.flush()
            labels = watched.labels()
            lines = [json.loads(line) for line in watched.lines]

    assert labels["pabx"] == {name}
    assert {one["pabx"] for one in lines if "pabx" in one} == {name}
