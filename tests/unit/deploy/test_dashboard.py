"""The committed dashboard is what the code gives, fits Grafana's grid and asks only for metrics that exist."""

import re

import pytest
import yaml
from astroscale_federation.metrics import CoordinatorMetrics
from astroscale_gateway.metrics import GatewayMetrics
from astroscale_inference.metrics import InferenceMetrics
from astroscale_ingestor.metrics import IngestorMetrics
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.metrics import Metrics

from deploy.grafana import dashboard
from deploy.grafana.panels import SECTIONS
from tests.support.deploy import ROOT

PANELS = [panel for section in SECTIONS for panel in section.panels]
EXPRESSIONS = [query.expr for panel in PANELS for query in panel.queries]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))["groups"][0]["rules"]

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def exported() -> set[str]:
    """Every series name that a service can give."""
    scraped: list[Metrics] = [IngestorMetrics(), PreprocessorMetrics(), InferenceMetrics(), CoordinatorMetrics()]
    for metrics in scraped:
        HealthServer("127.0.0.1", 0, metrics, list[str])  # adds its own
    return {
        family.name + suffix
        for service in [GatewayMetrics(), *scraped]
        for family in service.registry.collect()
        for suffix in _SUFFIXES[family.type]
    }


def test_the_committed_file_is_what_the_code_gives() -> None:
    assert dashboard.OUTPUT.read_text("utf-8") == dashboard.render(), "run: uv run python -m deploy.grafana.dashboard"


def test_no_panel_lies_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= dashboard.COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *(rule["expr"] for rule in ALERTS)])
def test_it_asks_for_metrics_that_exist(expression: str) -> None:
    there = exported()
    by_pattern = re.findall(r'__name__=~"([^"]+)"', expression)
    for pattern in by_pattern:
        assert any(re.fullmatch(pattern, name) for name in there), pattern
    for name in re.findall(r"astroscale_\w+", re.sub(r'"[^"]*"', "", expression)):
        assert name in there


@pytest.mark.parametrize("thing", ["cpu_seconds", "resident_memory_bytes", "open_files", "log_disk_free_bytes"])
def test_every_service_tells_about_its_process(thing: str) -> None:
    services = ("gateway", "ingestor", "preprocessor", "inference", "federation")
    assert {f"astroscale_{service}_process_{thing}" for service in services} <= exported()
