"""Rows of the table of aims: a mean of seeds with its spread, beside what it is compared to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.report import FOLDER, commit


@dataclass(frozen=True)
class Line:
    """values: one for each seed or fold. at_least, at_most: the aim, a bound of their mean. note: what to know of it."""

    name: str
    values: Sequence[float]
    unit: str = "-"
    reference: str | None = None
    reference_values: Sequence[float] = ()
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `tests.bench.report` has it, but the aim is one of the value."""
        value = float(np.mean(self.values))
        beside = float(np.mean(self.reference_values)) if len(self.reference_values) else None
        bounds = [
            f">= {self.at_least:g}" if self.at_least is not None else "",
            f"<= {self.at_most:g}" if self.at_most is not None else "",
        ]
        aim = " and ".join(filter(None, bounds)) or None
        above = self.at_least is None or value >= self.at_least
        below = self.at_most is None or value <= self.at_most
        return {
            "name": self.name,
            "value": value,
            "spread": [float(min(self.values)), float(max(self.values))],
            "unit": self.unit,
            "reference": self.reference,
            "reference_value": beside,
            "ratio": value / beside if beside else None,
            "aim": aim,
            "met": (above and below) if aim else None,
            "note": self.note,
        }


def publish(lines: Sequence[Line], about: dict[str, Any], **more: Any) -> bool:
    """Write build/bench/science.json and print the table; whether every aim is met."""
    made = [line.as_json() for line in lines]
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "science.json"
    file.write_text(json.dumps({"machine": about, "commit": commit(), **more, "rows": made}, indent=2) + "\n")
    table = Table(title="science: means over seeds, with the least and the greatest")
    for name in ("what", "value", "beside", "its value", "aim", "met", "note"):
        table.add_column(name, justify="left" if name in ("what", "beside", "note") else "right")
    for row in made:
        table.add_row(
            row["name"],
            _figure(row["value"], row["spread"], row["unit"]),
            row["reference"] or "",
            "" if row["reference_value"] is None else _figure(row["reference_value"], None, row["unit"]),
            row["aim"] or "",
            {None: "", True: "yes", False: "NO"}[row["met"]],
            row["note"],
        )
    Console(width=170).print(table, f"written to {file}")
    return all(row["met"] is not False for row in made)


def _figure(value: float, spread: Sequence[float] | None, unit: str) -> str:
    digits = 0 if abs(value) >= 1_000 else 1 if abs(value) >= 10 else 3
    said = f"{value:.{digits}f}" + ("" if unit == "-" else f" {unit}")
    if spread is None or spread[0] == spread[1]:
        return said
    return f"{said} ({spread[0]:.{digits}f}..{spread[1]:.{digits}f})"
