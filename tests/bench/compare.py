"""Whether the last run's ratios are as good as the baseline's: `make bench-compare`.

Compared are ratios of figures to their references from the same run, since those travel between machines, and rows
that the baseline has. A ratio more than a tenth worse fails. With --write the runs in build/bench become the baseline
of their suites.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.report import FOLDER

BASELINE: Final = Path("tests/bench/baseline.json")
SUITES: Final = ("predict", "stream")
TOLERANCE: Final = 0.10
_LESS_IS_BETTER: Final = frozenset({"ms", "s", "MB"})

Baseline = dict[str, dict[str, Any]]
"""Suite -> name of a row -> {ratio, unit}."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One row. now: None where the run lacks it. change: above 0 is better, -0.1 a tenth worse."""

    suite: str
    name: str
    baseline: float
    now: float | None
    change: float | None

    @property
    def worse(self) -> bool:
        """Whether it fails."""
        return self.change is None or self.change < -TOLERANCE


def ratios(run: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run's JSON: what its baseline keeps, by the row's name."""
    return {row["name"]: {"ratio": row["ratio"], "unit": row["unit"]} for row in run["rows"] if row.get("ratio")}


def compare(baseline: Baseline, runs: Mapping[str, Mapping[str, Any]]) -> list[Compared]:
    """Every row of the baseline whose suite was run. A row that is no longer there has no figure, and fails."""
    found: list[Compared] = []
    for suite, run in runs.items():
        now = ratios(run)
        for name, kept in baseline.get(suite, {}).items():
            was, at = float(kept["ratio"]), now.get(name)
            if at is None:
                found.append(Compared(suite, name, was, None, None))
                continue
            is_ = float(at["ratio"])
            change = was / is_ - 1 if kept["unit"] in _LESS_IS_BETTER else is_ / was - 1
            found.append(Compared(suite, name, was, is_, change))
    return found


def read_runs(folder: Path) -> dict[str, Any]:
    """Suite -> JSON of its last run."""
    files = {suite: folder / f"{suite}.json" for suite in SUITES}
    return {suite: json.loads(file.read_text()) for suite, file in files.items() if file.exists()}


def main(arguments: list[str] | None = None, *, baseline: Path = BASELINE, folder: Path = FOLDER) -> int:
    """Command line; 1 where a ratio is worse, 2 where there is nothing to compare."""
    parser = argparse.ArgumentParser(prog="make bench-compare", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make the last runs the baseline of their suites")
    parser.add_argument("--suite", choices=SUITES, help="this suite only")
    asked = parser.parse_args(arguments)
    runs = {suite: run for suite, run in read_runs(folder).items() if asked.suite in (None, suite)}
    kept: Baseline = json.loads(baseline.read_text()) if baseline.exists() else {}
    console = Console(width=150)
    if asked.write:
        kept |= {suite: ratios(run) for suite, run in runs.items()}
        baseline.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
        console.print(f"written to {baseline}: {', '.join(runs) or 'nothing'}")
        return 0
    found = compare(kept, runs)
    if not found:
        console.print("nothing to compare: run make bench or make bench-stream first")
        return 2
    table = Table(title=f"ratios beside the baseline's; more than {TOLERANCE:.0%} worse fails")
    for name in ("suite", "what", "baseline", "now", "change", ""):
        table.add_column(name, justify="right" if name in ("baseline", "now", "change") else "left")
    for one in found:
        now = "absent" if one.now is None else f"{one.now:.2f}"
        change = "" if one.change is None else f"{one.change:+.0%}"
        table.add_row(one.suite, one.name, f"{one.baseline:.2f}", now, change, "WORSE" if one.worse else "")
    console.print(table)
    worse = [f"{one.suite}: {one.name}" for one in found if one.worse]
    if worse:
        console.print(f"[red]worse:[/red] {'; '.join(worse)}", highlight=False)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
