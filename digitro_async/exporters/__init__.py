"""What happens in a client, for Prometheus, OpenTelemetry and logs."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.exporters._activity_log import JSONFormatter, log_activities
from digitro_async.exporters._metric_table import METRICS, Metric
from digitro_async.exporters._metrics_server import MetricsServer

__all__ = [
    "METRICS",
    "JSONFormatter",
    "Metric",
    "MetricsServer",
    "OpenTelemetryExporter",
    "PrometheusExporter",
    "log_activities",
]

if TYPE_CHECKING:
    from digitro_async.exporters._opentelemetry import OpenTelemetryExporter
    from digitro_async.exporters._prometheus import PrometheusExporter
else:
    # Each needs the library of an extra: ``otel`` and ``prometheus``.
    __getattr__ = lazy_names(__name__, "_prometheus", "_opentelemetry")
