"""PrometheusExporter: the metrics of one client, on a registry of its own."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from digitro_async.client import DigitroClient
from digitro_async.exporters._call_counts import CallCounts, Durations
from digitro_async.exporters._exporter import Exporter
from digitro_async.exporters._metric_table import METRICS, Metric, MetricReading

__all__ = ["PrometheusExporter"]


class PrometheusExporter(Exporter):
    """Counts what happens in one client, for Prometheus to scrape.

    Example::

        async with DigitroClient(pabx) as client:
            with PrometheusExporter(client) as exporter:
                ...
                text, content_type = exporter.exposition()

    Args:
        client: The client.
        registry: The registry that its metrics are put on; None for one of its own, so
            that it is never mixed up with what else the program counts.

    Attributes:
        registry: The registry.
    """

    def __init__(
        self, client: DigitroClient, registry: CollectorRegistry | None = None
    ) -> None:
        super().__init__(client)
        self.registry: CollectorRegistry = registry or CollectorRegistry()
        self._collector = _ClientCollector(client, self._counts)
        self._is_open = True
        self.registry.register(self._collector)

    def close(self) -> None:
        """Count nothing more, and take the metrics off the registry."""
        super().close()
        if self._is_open:
            self.registry.unregister(self._collector)
        self._is_open = False

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics of the registry as text, and its content type.

        Args:
            accept: The ``Accept`` header of the request.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _ClientCollector(Collector):
    """Reads the metrics of a client when they are scraped.

    Args:
        client: The client.
        counts: What became of its calls.
    """

    def __init__(self, client: DigitroClient, counts: CallCounts) -> None:
        self._client = client
        self._counts = counts

    def describe(self) -> Iterable[Family]:
        """Return the metrics without values: nothing is read to register them."""
        return [_family_of(metric) for metric in METRICS]

    def collect(self) -> Iterable[Family]:
        """Return the metrics as they are now."""
        health = self._client.health()
        reading = MetricReading(self._counts, self._client.statistics(), health.status)
        for metric in METRICS:
            family = _family_of(metric)
            for labels, value in metric.read(reading):
                _add(family, labels, value)
            yield family


def _family_of(metric: Metric) -> Family:
    made = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }[metric.kind]
    family: Family = made(metric.name, metric.text, labels=metric.labels)
    return family


def _add(family: Family, labels: Sequence[str], value: float | Durations) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(value, Durations)  # noqa: S101 - for the type checker
        names = [*map(floatToGoString, value.bounds), "+Inf"]
        buckets = list(zip(names, accumulate(value.counts), strict=True))
        family.add_metric(labels, buckets=buckets, sum_value=value.total)
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        assert not isinstance(value, Durations)  # noqa: S101 - for the type checker
        family.add_metric(labels, float(value))
