"""Groups of stars that are judged by themselves: tables, surveys, metallicities, parallaxes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from astroscale_training.calibrate import FE_H_EDGES, PARALLAX_EDGES
from astroscale_training.prepare import TrainingStars
from astroscale_training.tables import CLEAN, table_name

Mask = NDArray[np.bool_]

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Group:
    """kind: by what stars are grouped, "" for `all` and `clean`. rows: bool [N]."""

    kind: str
    name: str
    rows: Mask

    @property
    def label(self) -> str:
        """The kind and the name, as the keys of a card have them."""
        return f"{self.kind} {self.name}".strip()


def groups_of(data: TrainingStars, fewest: int) -> list[Group]:
    """All groups of at least `fewest` stars, the whole first."""
    found = [Group("", ALL, np.ones(len(data), dtype=np.bool_)), Group("", CLEAN, data.clean)]
    found += [Group("table", table_name(name), data.table == name) for name in sorted(set(data.table.tolist()))]
    found += [Group("survey", name, data.survey == name) for name in sorted(set(data.survey.tolist()))]
    found += [Group("[Fe/H]", *part) for part in _bins(data.stars.numeric["fe_h"], FE_H_EDGES, "dex")]
    found += [Group("parallax", *part) for part in _bins(data.stars.numeric["parallax"], PARALLAX_EDGES, "mas")]
    return [group for group in found if group.rows.sum() >= fewest]


def _bins(values: NDArray[np.float64], edges: tuple[float, ...], unit: str) -> Iterator[tuple[str, Mask]]:
    yield f"up to {edges[0]:g} {unit}", values <= edges[0]
    for low, high in pairwise(edges):
        yield f"{low:g} to {high:g} {unit}", (values > low) & (values <= high)
    yield f"above {edges[-1]:g} {unit}", values > edges[-1]
    yield "missing", np.isnan(values)
