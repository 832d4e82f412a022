"""What pbxd counts and measures, for Prometheus."""

from __future__ import annotations

from typing import ClassVar

from pbxd.http.answers import TextAnswer
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.services.metrics import CONTENT_TYPE

resource = Resource("metrics", "What pbxd counts and measures, for Prometheus.")


class MetricsAnswer(TextAnswer):
    """All metrics in the text format of Prometheus."""

    content_type: ClassVar[str] = CONTENT_TYPE


@resource.operation("GET", "/metrics", scope="metrics")
async def show_metrics(context: Context) -> MetricsAnswer:
    """Show all counts and durations since the start, in the text format of Prometheus.

    `config/prometheus/` has a scrape configuration, alert rules and a Grafana dashboard.
    """
    return MetricsAnswer(text=await context.services.metrics.text())
