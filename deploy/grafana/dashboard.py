"""The overview dashboard, from code:  `python -m deploy.grafana.dashboard` writes dashboards/overview.json.

panels.py and model_panels.py say what is shown, this how Grafana wants it. A test compares the committed file with what this gives, and the
compose test asks a real Prometheus every query.
"""

import json
from pathlib import Path
from typing import Any, Final

from deploy.grafana.panels import SECTIONS
from deploy.grafana.parts import Panel

OUTPUT: Final = Path(__file__).parent / "dashboards" / "overview.json"
DATASOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
COLUMNS: Final = 24
HEIGHT: Final = 7
LOW: Final = 4
"""Height of a section of single numbers."""


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for section in SECTIONS:
        panels.append(
            {"type": "row", "title": section.title, "collapsed": False, "panels": [], "gridPos": _at(0, y, COLUMNS, 1)}
        )
        y += 1
        x = 0
        height = LOW if all(panel.kind == "stat" for panel in section.panels) else HEIGHT
        for panel in section.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
            panels.append(_panel(panel) | {"gridPos": _at(x, y, panel.width, height)})
            x += panel.width
        y += height
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "uid": "astroscale-overview",
        "title": "AstroScale",
        "tags": ["astroscale"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "panels": panels,
    }


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": _thresholds(panel)}
    if panel.minimum is not None:
        defaults["min"] = panel.minimum
    options: dict[str, Any]
    if panel.kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        options = {
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "value_and_name",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    else:
        defaults["custom"] = {"lineWidth": 2, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}
        options = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
                "range": panel.kind != "stat",
                "instant": panel.kind == "stat",
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def _thresholds(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    if panel.red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    return {"mode": "absolute", "steps": steps}


def render() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(render(), encoding="utf-8")
