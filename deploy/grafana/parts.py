"""What a dashboard is made of, and how its questions to Prometheus are put."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and the legend of its series."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel; `unit` is Grafana's name of it, `width` is of 24 columns."""

    title: str
    text: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    minimum: float | None = 0
    red_from: float | None = None
    red_below: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A row of the dashboard with a heading."""

    title: str
    panels: tuple[Panel, ...]


def rate(counter: str, by: str = "") -> str:
    """What happens a second, summed over replicas, by the labels in `by`; 0 where nothing of the kind ever happened."""
    if not by:
        return f"sum(rate({counter}[$__rate_interval])) or vector(0)"
    return f"sum by ({by}) (rate({counter}[$__rate_interval])) or on() vector(0)"


def quantile(of: float, histogram: str, select: str = "") -> str:
    """A quantile over all replicas from a histogram's buckets."""
    return f"histogram_quantile({of}, sum by (le) (rate({histogram}_bucket{select}[$__rate_interval])))"


def every(process_metric: str) -> str:
    """A process metric of every service: their names differ only in the service."""
    return f'{{__name__=~"astroscale_[a-z]+_process_{process_metric}"}}'


def ratio(part: str, whole: str, by: str = "") -> str:
    """What share of one counter another one is over the last hour, summed over replicas, by the labels in `by`."""
    if not by:
        return f"sum(increase({part}[1h])) / sum(increase({whole}[1h]))"
    return f"sum by ({by}) (increase({part}[1h])) / on() group_left() sum(increase({whole}[1h]))"
