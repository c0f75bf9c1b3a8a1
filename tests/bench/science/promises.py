"""Whether the intervals keep their promise, over all seeds."""

from collections import defaultdict
from typing import Any, Final

import numpy as np
from astroscale_training.intervals import kept

from tests.bench.science.held import OfSeed
from tests.bench.science.lines import Line

ONE_OF_THE_AIM: Final = ("survey: ", "[Fe/H]: ", "parallax: ", "inputs as observed: ")
"""Groups that the aim names; those that it does not name are printed beside it."""

BESIDE: Final = ("table: ", "inputs taken away: ", "stars that have all: ", "unseen sky: ")


def promises(seeds: list[OfSeed]) -> tuple[list[Line], list[dict[str, Any]]]:
    """Lines of coverage, width and surprise, and every group of 200 stars or more with its mean coverage."""
    found: dict[str, list[Any]] = defaultdict(list)
    for seed in seeds:
        for row in seed.coverage:
            found[f"{row.level:g} {row.pattern}"].append(row)
    groups: list[dict[str, Any]] = []
    for rows in found.values():
        # The mean of the splits is judged by the stars of one: splits of the same stars are no new stars.
        mean = rows[0].model_copy(update={"coverage": float(np.mean([row.coverage for row in rows]))})
        width = float(np.mean([row.mean_width_kms for row in rows]))
        groups.append(
            {
                "group": mean.pattern,
                "level": mean.level,
                "stars": mean.rows,
                "coverage": mean.coverage,
                "width_kms": width,
                "kept": kept(mean),
            }
        )
    everyone = {level: [row.coverage for row in found[f"{level} as observed: all"]] for level in ("0.9", "0.68")}
    lines = [
        Line("coverage of the 90 % interval", everyone["0.9"], at_least=0.89, at_most=0.91),
        Line("coverage of the 68 % interval", everyone["0.68"]),
    ]
    named = [g for g in groups if g["level"] == 0.9 and g["group"].startswith(ONE_OF_THE_AIM)]
    broken = [g for g in named if not g["kept"]]
    lines.append(
        Line(f"groups of {len(named)} that break the 90 % promise", [len(broken)], at_most=0, note=_said(broken))
    )
    beside = [g for g in groups if g["level"] == 0.9 and g["group"].startswith(BESIDE)]
    broken = [g for g in beside if not g["kept"]]
    lines.append(Line(f"other groups of {len(beside)} that break it", [len(broken)], note=_said(broken)))
    for name in ("table lamost_giants", "clean"):
        narrower = [1.0 - seed.sharpness[f"width_of_constant {name}"] for seed in seeds]
        lines.append(Line(f"narrower than a constant width, {name}", narrower, at_least=0.20))
    for table in ("nearby_100pc", "bright_stars"):
        for level in ("68", "90"):
            half = [seed.sharpness[f"half width {level} {table}"] for seed in seeds]
            lines.append(Line(f"half width of the {level} % interval, {table}", half, "km/s"))
    for name in ("tail_ks", "tail_ks clean"):
        said = "tail probability's distance from uniform" + name.removeprefix("tail_ks").replace(" ", ", ")
        lines.append(Line(said, [seed.sharpness[name] for seed in seeds], note="Kolmogorov-Smirnov"))
    return lines, groups


def _said(broken: list[dict[str, Any]]) -> str:
    return "; ".join(f"{g['group']} {g['coverage']:.3f} of {g['stars']}" for g in broken)
