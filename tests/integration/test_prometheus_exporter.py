"""Metrics for Prometheus, against the record of the simulator."""

import asyncio
from collections import Counter

import pytest
from helpers import make_call
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from simulated_events import dialect
from virtual_time import virtual_time

from digitro_async import (
    DigitroClient,
    Disposition,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
)
from digitro_async.exporters import METRICS, PrometheusExporter
from digitro_async.testing import CallScript, FakePABX, Fault, FaultKind, FaultPlan

NEVER = PauseSettings(unknown_run=10**6, not_sent_run=10**6, rejected_run=10**6)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(exporter: PrometheusExporter) -> Samples:
    """Return each sample that is exported, by its name and labels."""
    text = exporter.exposition()[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples of a name that have some labels."""
    return sum(
        value
        for (found, given), value in samples.items()
        if found == name and labels.items() <= dict(given).items()
    )


async def test_calls_are_counted_as_they_ended() -> None:
    """The counts of outcomes, attempts and latencies are those of the results."""
    refused = [Fault("status", status=400, at=number) for number in range(5, 40, 5)]
    faults = FaultPlan([*refused, Fault("reset_on_connect", at=3)])
    async with (
        FakePABX(faults=faults) as fake,
        DigitroClient(
            fake.settings(rate=RateLimit(100_000)), pause=NEVER, retry=RetrySettings()
        ) as client,
    ):
        with PrometheusExporter(client) as exporter:
            calls = (make_call(number) for number in range(40))
            async with client.dispatch(calls) as results:
                taken = [result async for result in results]
            client.activity.flush()
            samples = read(exporter)

    outcomes = Counter(result.outcome for result in taken)
    assert outcomes[Outcome.REJECTED] > 3
    for outcome, count in outcomes.items():
        assert of(samples, "digitro_calls_total", outcome=str(outcome)) == count
    name = "simulator"
    attempts = sum(result.attempts for result in taken)
    assert of(samples, "digitro_attempts_total", pabx=name) == attempts
    assert (
        of(samples, "digitro_call_failures_total", reason="status_400")
        == (outcomes[Outcome.REJECTED])
    )
    latency = sum(result.timings.latency for result in taken)
    assert of(samples, "digitro_call_latency_seconds_count") == 40
    assert of(samples, "digitro_call_latency_seconds_sum") == pytest.approx(latency)
    assert of(samples, "digitro_call_latency_seconds_bucket", le="+Inf") == 40
    assert of(samples, "digitro_rate_cap", pabx=name) == 100_000
    assert of(samples, "digitro_calls_in_flight") == 0
    assert of(samples, "digitro_health", status="ok") == 1
    assert of(samples, "digitro_health") == 1


@virtual_time
async def test_a_pause_is_shown_with_its_reason() -> None:
    """A pause is a gauge, and a reason that an operator wrote is no label."""
    async with (
        FakePABX() as fake,
        DigitroClient(fake.settings()) as client,
    ):
        with PrometheusExporter(client) as exporter:
            client.dispatcher.pause(reason="call 04832817000 first")
            await asyncio.sleep(1)
            paused = read(exporter)
            client.resume()
            await asyncio.sleep(1)
            resumed = read(exporter)

    assert of(paused, "digitro_pabx_paused") == 1
    assert of(paused, "digitro_pabx_pause_reason", reason="other") == 1
    assert of(paused, "digitro_pabx_limit", limit="paused") == 1
    assert of(paused, "digitro_pabx_limit") == 1
    assert of(paused, "digitro_client_events_total", kind="paused") == 1
    assert "04832817000" not in repr(paused)
    assert of(resumed, "digitro_pabx_paused") == 0
    assert of(resumed, "digitro_client_events_total", kind="resumed") == 1


@virtual_time
async def test_ends_of_calls_are_counted() -> None:
    """What became of calls is counted by disposition, with ring and talk seconds."""
    script = CallScript(setup=0.1, dial=0.5, ring=(1.0, 5.0), talk=(2.0, 15.0))
    async with (
        FakePABX(events=dialect(), call_script=script, idle_timeout=10**6) as fake,
        DigitroClient(fake.settings()) as client,
    ):
        with PrometheusExporter(client) as exporter:
            calls = (make_call(number) for number in range(30))
            async with client.dispatch(calls, wait_for_end=True) as results:
                taken = [result async for result in results]
            client.activity.flush()
            samples = read(exporter)

    ends = Counter(result.end.disposition for result in taken if result.end)
    assert ends[Disposition.ANSWERED] > 0
    for disposition, count in ends.items():
        found = of(samples, "digitro_call_ends_total", disposition=str(disposition))
        assert found == count
    talks = [result.end.talk_seconds for result in taken if result.end]
    assert of(samples, "digitro_call_talk_seconds_count") == sum(
        talk is not None for talk in talks
    )


async def test_it_has_a_registry_of_its_own() -> None:
    """Two clients of one program don't mix, and a closed exporter leaves nothing."""
    shared = CollectorRegistry()
    async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
        first, second = PrometheusExporter(client), PrometheusExporter(client, shared)
        assert first.registry is not second.registry
        second.close()
        second.close()
        assert list(shared.collect()) == []
        third = PrometheusExporter(client, shared)
        assert len(list(shared.collect())) == len(METRICS)
        third.close()
        first.close()


async def test_every_label_of_a_sample_is_declared() -> None:
    """What is exported has the names and labels of the table, and no others."""
    faults = FaultPlan(
        [Fault(FaultKind.LOSE_ANSWER, at=2), Fault("status", status=503)]
    )
    async with (
        FakePABX(faults=faults) as fake,
        DigitroClient(fake.settings(), pause=NEVER) as client,
    ):
        with PrometheusExporter(client) as exporter:
            async with client.dispatch([make_call(n) for n in range(4)]) as results:
                assert len([result async for result in results]) == 4
            client.activity.flush()
            families = list(
                text_string_to_metric_families(exporter.exposition()[0].decode())
            )

    declared = {metric.name: set(metric.labels) for metric in METRICS}
    assert {family.name for family in families} == set(declared)
    for family in families:
        for sample in family.samples:
            assert {*sample.labels} - {"le"} == declared[family.name]
