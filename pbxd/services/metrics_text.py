"""Metrics in the text format of Prometheus, by prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pbxd.measures import STEPS, Measured, NamedTimings, Reading, Timings


def metrics_text(told: Sequence[Reading | Measured]) -> str:
    """Return what the parts tell, and what the operating system knows of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Parts(told))
    return generate_latest(registry).decode()


class _Parts(Collector):
    def __init__(self, told: Sequence[Reading | Measured]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        return (_family(each) for each in self._told)


def _family(told: Reading | Measured) -> Metric:
    if isinstance(told, Measured):
        histogram = HistogramMetricFamily(told.name, told.about, labels=told.labels)
        timings = told.read()
        for name, each in sorted(timings.items()) if isinstance(timings, NamedTimings) else [("", timings)]:
            histogram.add_metric(_words(name, told.labels), _buckets(each), each.total_seconds)
        return histogram
    family = CounterMetricFamily if told.kind == "counter" else GaugeMetricFamily
    metric = family(told.name, told.about, labels=told.labels)
    value = told.read()
    for name, number in sorted(value.items()) if isinstance(value, Mapping) else [("", value)]:
        metric.add_metric(_words(name, told.labels), number)
    return metric


def _words(name: str, labels: Sequence[str]) -> list[str]:
    return name.split(" ", len(labels) - 1) if labels else []


def _buckets(timings: Timings) -> list[tuple[str, float]]:
    """Return the counts as Prometheus has them: each with everything that was shorter."""
    sofar, found = 0, []
    for step, count in zip((*STEPS, float("inf")), timings.counts, strict=True):
        sofar += count
        found.append(("+Inf" if step == float("inf") else str(step), float(sofar)))
    return found
