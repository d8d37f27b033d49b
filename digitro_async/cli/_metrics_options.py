"""``--metrics-port``: what happens in a run, for Prometheus to scrape."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Final

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async._common.extras import load_extra
from digitro_async.cli._arguments import WHOLE
from digitro_async.cli._output import print_error

if TYPE_CHECKING:
    from digitro_async.client import DigitroClient

__all__ = ["NO_METRICS", "MetricsOptions", "MetricsToServe"]

_HIGHEST_PORT: Final = 65_535

_Port = Annotated[int, WHOLE, Parameter(validator=Number(gte=0, lte=_HIGHEST_PORT))]


@attrs.frozen(kw_only=True)
class MetricsToServe:
    """Where metrics are served, if anywhere.

    Attributes:
        metrics_port: Serve metrics for Prometheus at this port, at ``/metrics``; 0 for
            a free one, which is printed.
        metrics_host: Address to serve them at; with any but loopback others can read
            them.
    """

    metrics_port: _Port | None = None
    metrics_host: str = "127.0.0.1"

    def check(self) -> None:
        """Check that the library that is needed is there, before anything is dialled.

        Raises:
            ConfigurationError: If it is not installed.
        """
        if self.metrics_port is not None:
            load_extra(
                "prometheus_client", extra="prometheus", needed_for="--metrics-port"
            )

    @contextlib.asynccontextmanager
    async def serving(self, client: "DigitroClient") -> AsyncIterator[None]:
        """Serve the metrics of a client while the block runs, if that is wanted.

        Raises:
            ConfigurationError: If nothing can listen there.
        """
        if self.metrics_port is None:
            yield
            return
        from digitro_async.exporters import (  # noqa: PLC0415 - of an extra
            MetricsServer,
            PrometheusExporter,
        )

        with PrometheusExporter(client) as exporter:
            server = MetricsServer(
                exporter.exposition, self.metrics_port, host=self.metrics_host
            )
            async with server:
                host = self.metrics_host
                if ":" in host:
                    host = f"[{host}]"
                print_error(f"metrics: http://{host}:{server.port}/metrics")
                yield


MetricsOptions = Annotated[MetricsToServe, Parameter(name="*")]
"""The options of a command that can serve metrics."""

NO_METRICS: Final = MetricsToServe()
