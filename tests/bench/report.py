"""Rows of a benchmark: a table for people, JSON for comparison (`build/bench/<suite>.json`)."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path("build/bench")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Row:
    """One figure of several runs, and what it is compared to in the same runs.

    at_most, at_least: the aim, a bound of the ratio. value_at_most, value_at_least: a bound of the value itself; a row
    may have both. note: what to know of it.
    """

    name: str
    unit: str
    values: Sequence[float]
    reference: str | None = None
    reference_values: Sequence[float] = ()
    at_most: float | None = None
    at_least: float | None = None
    value_at_most: float | None = None
    value_at_least: float | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Medians, with the least and the greatest run beside them; ratios are of runs that stood side by side."""
        ratios = [v / r for v, r in zip(self.values, self.reference_values, strict=bool(self.reference))]
        value = statistics.median(self.values)
        ratio = statistics.median(ratios) if ratios else None
        of_value = _bounds(self.value_at_most, self.value_at_least)
        of_ratio = _bounds(self.at_most, self.at_least)
        aims = [*(f"{bound} {self.unit}" for bound, _ in of_value), *(bound for bound, _ in of_ratio)]
        verdicts = [holds(value) for _, holds in of_value]
        verdicts += [holds(ratio) for _, holds in of_ratio if ratio is not None]
        return {
            "name": self.name,
            "value": value,
            "spread": [min(self.values), max(self.values)],
            "unit": self.unit,
            "reference": self.reference,
            "reference_value": statistics.median(self.reference_values) if ratios else None,
            "reference_spread": [min(self.reference_values), max(self.reference_values)] if ratios else None,
            "ratio": ratio,
            "ratio_spread": [min(ratios), max(ratios)] if ratios else None,
            "aim": " and ".join(aims) or None,
            "met": all(verdicts) if verdicts else None,
            "note": self.note,
        }


def _bounds(most: float | None, least: float | None) -> list[tuple[str, Callable[[float], bool]]]:
    """Each bound as it is printed, and whether a figure keeps it."""
    found: list[tuple[str, Callable[[float], bool]]] = []
    if most is not None:
        found.append((f"<= {most:,g}", lambda figure: figure <= most))
    if least is not None:
        found.append((f">= {least:,g}", lambda figure: figure >= least))
    return found


def machine() -> dict[str, Any]:
    """What it ran on."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return {
        "cpus": os.cpu_count(),
        "cpu": models[0].split(":", 1)[1].strip() if models else platform.processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit that was measured."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def publish(suite: str, rows: Sequence[Row], about: dict[str, Any], **more: Any) -> bool:
    """Write and print; returns whether every aim is met."""
    made = [row.as_json() for row in rows]
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{suite}.json"
    file.write_text(json.dumps({"machine": about, "commit": commit(), **more, "rows": made}, indent=2) + "\n")
    table = Table(title=f"{suite}: medians, with the least and the greatest run")
    names = ["what", "value", "beside", "its value", "ratio", "aim", "met"]
    noted = any(row["note"] for row in made)
    for name in [*names, "note"] if noted else names:
        table.add_column(name, justify="left" if name in ("what", "beside", "note") else "right")
    for row in made:
        table.add_row(
            row["name"],
            _figure(row["value"], row["spread"], row["unit"]),
            row["reference"] or "",
            _figure(row["reference_value"], row["reference_spread"], row["unit"]),
            _figure(row["ratio"], row["ratio_spread"], ""),
            row["aim"] or "",
            {None: "", True: "yes", False: "NO"}[row["met"]],
            *([row["note"]] if noted else []),
        )
    Console(width=190 if noted else 150).print(table, f"written to {file}")
    return all(row["met"] is not False for row in made)


def _figure(value: float | None, spread: Sequence[float] | None, unit: str) -> str:
    if value is None or spread is None:
        return ""
    digits = 0 if value >= 100 else 2
    return f"{value:,.{digits}f} ({spread[0]:,.{digits}f}..{spread[1]:,.{digits}f}) {unit}".strip()
